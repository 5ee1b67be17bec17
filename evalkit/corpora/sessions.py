"""Sessions: recordings in which utterances of several speakers, or in several languages, follow one
another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.audio import encoded, resample
from evalkit.conditions.pauses import noise_floor
from evalkit.core.errors import ConfigError, ManifestError, UtteranceError
from evalkit.core.files import write as write_file
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Audio, Utterance, Word
from evalkit.corpora.companies import LANGUAGE, Company, Voices, companies_of, record, voices_of
from evalkit.corpora.prepare import Prepared, write
from evalkit.recordings.reading import load

LANGUAGES, MEMBERS = "languages", "utterances"
"""Keys under which a session has the language of each word of its text, and its utterances' ids."""
_OWN = frozenset({LANGUAGE, LANGUAGES, MEMBERS})


def make_sessions(manifests: Sequence[Path], out: Path, *, per_session: int, pause: float,
                  seed: int = 0, languages: Sequence[str] = (), outside: bool = False) -> Prepared:
    """Writes sessions.jsonl and the recordings of its sessions into the folder ``out``.

    A session is ``per_session`` utterances with pauses of ``pause`` seconds between them, at the
    noise floor of the utterance before, of one speaker each, from the ``manifests`` in turn.
    Speakers are put together by lot, and each is in one company alone, which makes as many
    sessions as it has utterances of each of them and is their ``speaker``; the sessions of a
    company begin with another of it each. Word times move along. The language of an utterance is
    that of its manifest in ``languages``, or else under its key LANGUAGE.

    The same bytes from the same ``seed``. Raises ConfigError for options that do not go together,
    ManifestError where there are too few speakers, or only some utterances have a language."""
    _check(manifests, per_session, languages)
    voices = [voices_of(path, outside=outside, language=language)
              for path, language in zip_longest(manifests, languages)]
    _check_languages(voices)
    rng = np.random.default_rng(seed)
    companies, left_out = companies_of(voices, per_session, rng)
    left_out += [item for each in voices for item in each.left_out]
    made, sessions = list[Utterance](), list(_sessions(companies))
    for number, members in enumerate(sessions, 1):
        try:
            made.append(_made(f"session-{number:05}", members, out, pause, rng))
        except UtteranceError as failed:
            left_out += record("utterance", out.name, f"in a session of which one cannot be read: "
                               f"{failed.reason}", [each.id for each in members])
    if not made:
        raise ManifestError(f"{out}: no session could be made ({left_out[-1].why})")
    return write(made, out / "sessions.jsonl", [*left_out, *_differing(sessions, out)])


def _check(manifests: Sequence[Path], per_session: int, languages: Sequence[str]) -> None:
    if per_session < max(2, len(manifests)):
        raise ConfigError(f"--per-session {per_session}: a session is 2 utterances at least, and "
                          f"one of each manifest, of which there are {len(manifests)}")
    if languages and len(languages) != len(manifests):
        raise ConfigError(f"--language: {len(languages)} for {len(manifests)} manifests; give one "
                          "for each, in their order, or none")


def _check_languages(voices: Sequence[Voices]) -> None:
    """Raises ManifestError where some utterances have a language and some have not."""
    known = {(each.manifest, u.id): bool(u.metadata.get(LANGUAGE))
             for each in voices for u in each.utterances}
    if len(set(known.values())) > 1:
        path, first = next(who for who, has_one in known.items() if not has_one)
        raise ManifestError(f"{path}: {first}: has no {LANGUAGE!r}, which others have; give one "
                            "--language for each manifest")


def _sessions(companies: Iterable[Company]) -> Iterator[list[Utterance]]:
    for company in companies:
        for number, members in enumerate(zip(*company, strict=False)):
            first = number % len(members)
            yield [*members[first:], *members[:first]]


def _made(name: str, members: Sequence[Utterance], out: Path, pause: float,
          rng: np.random.Generator) -> Utterance:
    """The session of ``members``, whose recording is written. Raises UtteranceError where one of
    theirs cannot be read."""
    whole, begins = _joined([load(Path(u.audio or ""), offset=u.offset, duration=u.duration)
                             for u in members], pause, rng)
    path = out / "audio" / f"{name}.flac"
    write_file(path, encoded(whole, "flac"))
    return Utterance(name, audio=path, text=" ".join(str(u.text) for u in members),
                     speaker=_speaker(members), duration=round(whole.duration, 6),
                     words=_words(members, begins), metadata=_labels(members))


def _joined(speech: Sequence[Audio], pause: float, rng: np.random.Generator
            ) -> tuple[Audio, list[float]]:
    """``speech`` with pauses of so many seconds between, at the highest of its rates, and at which
    second each of it begins."""
    rate = max(audio.rate for audio in speech)
    parts: list[np.ndarray] = []
    begins: list[float] = []
    for audio in speech:
        if parts:
            parts.append(noise_floor(Audio(parts[-1], rate), round(pause * rate), rng))
        begins.append(sum(map(len, parts)) / rate)
        parts.append(resample(audio, rate).samples)
    return Audio(np.concatenate(parts), rate), begins


def _speaker(members: Sequence[Utterance]) -> str | None:
    """The company, of whom all are known, or else nobody."""
    names = [u.speaker or "" for u in members]
    return "+".join(sorted(names)) if all(names) else None


def _words(members: Sequence[Utterance], begins: Sequence[float]) -> tuple[Word, ...]:
    """Those of a session; none where those of one of ``members`` are not known."""
    if not all(u.words for u in members):
        return ()
    return tuple(replace(word, start=round((word.start or 0.0) + begin, 6),
                         end=round((word.end or 0.0) + begin, 6))
                 for u, begin in zip(members, begins, strict=True) for word in u.words)


def _labels(members: Sequence[Utterance]) -> dict[str, Any]:
    """What all ``members`` have alike, their ids, and the language of each word where they have
    one."""
    first = dict(members[0].metadata)
    for key in _unlike(members):
        first.pop(key, None)
    languages = [str(u.metadata[LANGUAGE]) for u in members for _ in str(u.text).split()
                 ] if members[0].metadata.get(LANGUAGE) else None
    return first | {MEMBERS: [u.id for u in members]} | (
        {LANGUAGES: languages} if languages else {})


def _unlike(members: Sequence[Utterance]) -> set[str]:
    """The labels that ``members`` do not have alike."""
    keys = set(chain.from_iterable(u.metadata for u in members))
    values = {key: {repr(u.metadata.get(key)) for u in members} for key in keys}
    return {key for key, each in values.items() if len(each) > 1}


def _differing(sessions: Iterable[Sequence[Utterance]], out: Path) -> Iterator[LeftOut]:
    """The labels that members of a session do not have alike, and the times of words that only
    some of them have."""
    unlike: set[str] = set()
    timed: list[str] = []
    for members in sessions:
        unlike |= _unlike(members) - _OWN
        if not all(u.words for u in members):
            timed += [u.id for u in members if u.words]
    yield from record("column", out.name, "its values differ within sessions, which are without it",
                      sorted(unlike))
    yield from record("word times", out.name, "others of the session have none", timed)
