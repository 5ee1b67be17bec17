"""Companies: speakers of one or several manifests who are put together by lot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from evalkit.core.errors import ManifestError
from evalkit.core.ledger import NAMED, Kind, LeftOut
from evalkit.core.types import Utterance
from evalkit.store.manifest import Manifest, read_manifest

LANGUAGE = "language"
"""Key under which an utterance has its language."""
Company: TypeAlias = Sequence[Sequence[Utterance]]
"""The utterances of each of its speakers, in a drawn order."""


@dataclass(frozen=True)
class Voices:
    """The utterances of a manifest by speaker; of nobody's, each is by itself."""

    manifest: Path
    by_speaker: Mapping[str, Sequence[Utterance]]
    left_out: tuple[LeftOut, ...]

    @property
    def utterances(self) -> list[Utterance]:
        return [utterance for own in self.by_speaker.values() for utterance in own]


def voices_of(manifest: Path, *, outside: bool, language: str | None = None) -> Voices:
    """Those with audio and text, in the ``language`` where it is given. Raises ManifestError where
    there are none."""
    read = read_manifest(manifest, outside=outside)
    usable = {u.id: u for u in read.utterances if _is_usable(u)}
    if not usable:
        raise ManifestError(f"{manifest}: has no utterance with audio and text\n"
                            f"{read.describe_problems()}".rstrip())
    by_speaker: dict[str, list[Utterance]] = {}
    for u in usable.values():
        spoken = {} if language is None else {LANGUAGE: language}
        by_speaker.setdefault(u.speaker or f"utterance {u.id}", []).append(
            replace(u, metadata={**u.metadata, **spoken}))
    return Voices(manifest, by_speaker, (*read.left_out, *_silent(read)))


def _is_usable(utterance: Utterance) -> bool:
    return utterance.audio is not None and bool((utterance.text or "").split())


def _silent(read: Manifest) -> Iterator[LeftOut]:
    names = [u.id for u in read.utterances if not _is_usable(u)]
    yield from record("utterance", read.path.name, "has no audio or no text", names)


def record(what: Kind, where: str, why: str, names: Sequence[str]) -> Iterator[LeftOut]:
    """That those of these ``names`` are left out, where there are any."""
    if names:
        yield LeftOut(what, where, why, len(names), tuple(names[:NAMED]))


def companies_of(voices: Sequence[Voices], size: int, rng: np.random.Generator
                 ) -> tuple[list[Company], list[LeftOut]]:
    """Companies of ``size`` speakers, who are from the manifests in turn, and who is left over.
    Raises ManifestError where a manifest has too few speakers for one."""
    queues = [iter([each.by_speaker[name] for name in rng.permutation(sorted(each.by_speaker))])
              for each in voices]
    companies: list[Company] = [
        [_mixed(next(queues[place % len(voices)]), rng) for place in range(size)]
        for _ in range(_how_many(voices, size))]
    left_over = [item for each, queue in zip(voices, queues, strict=True) for item in record(
        "speaker", each.manifest.name, "no company is left for them",
        [own[0].speaker or own[0].id for own in queue])]
    return companies, [*left_over, *_surplus(companies)]


def _how_many(voices: Sequence[Voices], size: int) -> int:
    """How many companies there are speakers for. Raises ManifestError where there is none."""
    n = len(voices)
    for number, each in enumerate(voices):
        needed = len(range(number, size, n))
        if len(each.by_speaker) < needed:
            raise ManifestError(f"{each.manifest}: has {len(each.by_speaker)} speakers, and a "
                                f"session needs {needed} of it; lower --per-session")
    return min(len(each.by_speaker) // len(range(number, size, n))
               for number, each in enumerate(voices))


def _mixed(utterances: Sequence[Utterance], rng: np.random.Generator) -> list[Utterance]:
    return [utterances[place] for place in rng.permutation(len(utterances))]


def _surplus(companies: Iterable[Company]) -> Iterator[LeftOut]:
    """The utterances of those who have more than another of their company."""
    names = [utterance.id for company in companies for own in company
             for utterance in own[min(map(len, company)):]]
    yield from record("utterance", "sessions", "its speaker has more than another of the session",
                      names)
