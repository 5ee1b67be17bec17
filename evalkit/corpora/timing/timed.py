"""Manifests with the times of their words, of another tool's files or of alignment. Which of the
two, and how wrong it is, stands in the column ``words_source``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from evalkit.core.errors import FieldError, ManifestError, UtteranceError
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance, Word
from evalkit.corpora.prepare import Prepared, write
from evalkit.corpora.timing.files import Times, times_of
from evalkit.metrics.comparison import normalised
from evalkit.store.manifest import Manifest, read_manifest
from evalkit.store.word_times import SOURCE, WORDS, word_times

ROUNDED = 0.05
"""Seconds by which a word may end after the utterance does: durations may be rounded."""
Timed = Callable[[Utterance], tuple[Word, ...]]
"""The words of an utterance. Raises UtteranceError where their times are not known."""


def joined(manifest: Path, source: Path, out: Path, *, tier: str | None = None) -> Prepared:
    """Writes ``out``, the ``manifest`` with the times of the words that ``source`` has: a CTM, or a
    TextGrid or a folder of them, whose words are in the ``tier``. Raises ManifestError."""
    times = times_of(source, tier)
    read = _read(manifest, outside=True)

    def timed(utterance: Utterance) -> tuple[Word, ...]:
        return _fitting(utterance, times)
    written = _written(read, timed, out, str(source), f"{times.kind} {source.name}")
    unknown = times.besides(read.utterances)
    return replace(written, left_out=(*written.left_out, *times.left_out, *unknown))


def aligned(manifest: Path, out: Path, *, outside: bool = False,
            say: Callable[[str], None] = lambda line: None) -> Prepared:
    """Writes ``out``, the ``manifest`` with the times of words by forced alignment; recordings are
    in its folder unless they may be ``outside``. Raises ManifestError, and PluginError where
    pocketsphinx is not installed."""
    from evalkit.corpora.timing.aligner import Aligner
    from evalkit.recordings.reading import load

    aligner, read = Aligner(), _read(manifest, outside=outside)
    aligner.decoder  # noqa: B018  so that what is missing is said at once
    n = len(read.utterances)
    numbers = {utterance.id: number for number, utterance in enumerate(read.utterances, 1)}

    def timed(utterance: Utterance) -> tuple[Word, ...]:
        if numbers[utterance.id] % 100 == 0:
            say(f"{numbers[utterance.id]:,} of {n:,} utterances")
        if utterance.audio is None:
            raise UtteranceError("MissingAudio", "has no recording")
        return aligner.align(load(utterance.audio, offset=utterance.offset,
                                  duration=utterance.duration), utterance.text or "")
    return _written(read, timed, out, f"word times of {manifest.name}", aligner.described)


def _read(manifest: Path, *, outside: bool) -> Manifest:
    read = read_manifest(manifest, outside=outside, remote=True)
    if not read.utterances:
        raise ManifestError(f"{manifest}: holds no utterance that can be used\n"
                            f"{read.describe_problems()}".rstrip())
    return read


def _written(read: Manifest, timed: Timed, out: Path, where: str, source: str) -> Prepared:
    """Writes ``out`` with what ``timed`` gives; utterances whose times are not known stay, without
    any, and are in the ledger under ``where``."""
    utterances: list[Utterance] = []
    left_out = list(read.left_out)
    for utterance in read.utterances:
        words: tuple[Word, ...] = ()
        try:
            words = timed(utterance)
        except UtteranceError as failed:
            left_out.append(LeftOut("word times", where, failed.reason, names=(utterance.id,)))
        utterances.append(replace(utterance, words=words,
                                  metadata={**utterance.metadata, SOURCE: source}))
    if not any(utterance.words for utterance in utterances):
        why = f" ({left_out[-1].why})" if left_out else ""
        raise ManifestError(f"{where}: has the times of no utterance of {read.path}{why}")
    return write(utterances, out, left_out)


def _fitting(utterance: Utterance, times: Times) -> tuple[Word, ...]:
    """The words that ``times`` has for the utterance. Raises UtteranceError."""
    words = times.of(utterance)
    said = normalised("basic", " ".join(word.text for word in words))
    if said != normalised("basic", utterance.text or ""):
        raise UtteranceError("OtherWords", "its text has other words than there")
    _check_order(words)
    _check_end(words, utterance)
    return words


def _check_order(words: Sequence[Word]) -> None:
    """Raises UtteranceError for times that no manifest may have."""
    try:
        word_times({WORDS: [[word.text, word.start, word.end] for word in words]})
    except FieldError as error:
        raise UtteranceError("BadTimes", f"words there: {error}") from error


def _check_end(words: Sequence[Word], utterance: Utterance) -> None:
    """Raises UtteranceError where the last word ends after the utterance does."""
    last = max((word.end or 0.0 for word in words), default=0.0)
    if utterance.duration is not None and last > utterance.duration + ROUNDED:
        raise UtteranceError("TooLong", "words end there after the utterance does")
