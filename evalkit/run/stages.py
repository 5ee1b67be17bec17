"""The stages that make outputs: hear, enhance, recognise, embed. Each makes one row an utterance
(evalkit.store.outputs.SCHEMAS) and hands on what the next one needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from evalkit.core.clock import machine
from evalkit.core.errors import UtteranceError
from evalkit.core.files import replacing
from evalkit.core.protocols import (
    Condition,
    Enhancer,
    Listener,
    Recalled,
    Recognizer,
    SpeakerEncoder,
)
from evalkit.core.types import Audio, Endpoint, Heard, Hypothesis, Utterance
from evalkit.run.batches import Answer, ask, attempt, slices
from evalkit.run.endpointed import Endpointed
from evalkit.run.exchange import (
    handed,
    taken_embedding,
    taken_enhanced,
    taken_heard,
    taken_hypothesis,
)
from evalkit.run.guard import guarded
from evalkit.run.hypotheses import row_of
from evalkit.run.plan import Cell
from evalkit.store.outputs import OutputStore, Row

T = TypeVar("T")


@dataclass
class UtteranceWork:
    """What became of one utterance; each value may be the error that took its place, and None
    where nobody needs it. ``rows`` are those of the stages, by name."""

    utterance: Utterance
    rows: dict[str, Row] = field(default_factory=dict)
    source: Audio | UtteranceError | None = None
    input: Audio | UtteranceError | None = None
    reference_audio: Audio | UtteranceError | None = None
    audio: Audio | UtteranceError | None = None
    hypothesis: Hypothesis | UtteranceError | None = None
    endpoints: tuple[Endpoint, ...] | UtteranceError | None = None

    def note(self, stage: str, error: UtteranceError | None = None, **values: Any) -> None:
        """Makes the row of a stage."""
        self.rows[stage] = {"utterance_id": self.utterance.id, **values,
                            "error": error and str(error)}


def failure(row: Row | None) -> UtteranceError | None:
    """The error that a row tells of."""
    return None if row is None or row["error"] is None else as_error(row["error"])


def as_error(text: str) -> UtteranceError:
    """The error that ``text`` is of."""
    kind, _, reason = text.partition(": ")
    return UtteranceError(kind, reason)


def bare(utterance: Utterance) -> Utterance:
    """``utterance`` without text, words and metadata: none decides what systems hear and make."""
    return replace(utterance, text=None, words=(), metadata={})


def value_of(value: T | UtteranceError) -> T | None:
    """``value``, None where an error took its place."""
    return None if isinstance(value, UtteranceError) else value


def hear(work: UtteranceWork, cell: Cell) -> None:
    """Reads the recording and its clean reference, and puts the recording into the condition."""
    utterance, resampled, inserted = work.utterance, Answer(None), None
    work.source = attempt(_read, utterance, utterance.audio, cell.channel)
    work.input = work.reference_audio = work.source
    if cell.condition is not None:
        heard = attempt(_under, cell.condition, work.source, bare(utterance))
        work.input = attempt(lambda it: it.audio, heard)
        work.reference_audio = attempt(lambda it: it.reference, heard)
        inserted = _inserted(heard)
    if utterance.reference_audio is not None:
        resampled.value = attempt(_read, utterance, utterance.reference_audio, cell.channel)
        if isinstance(work.source, Audio):
            resampled.convert(work.source.rate)
        work.reference_audio = _own_reference(work, cell, resampled.value)
    source, lasting = value_of(work.source), value_of(work.input) or value_of(work.source)
    work.note("heard", _error_in(work.input), resampled=sorted(resampled.resampled),
              source_rate=source and source.rate, seconds=lasting and lasting.duration,
              changed=_changed(work), inserted=inserted, **levels(work.input))


def _inserted(heard: Heard | UtteranceError) -> list[Row] | None:
    """What a condition has put in, as it stands in a row; None where that is nothing."""
    if isinstance(heard, UtteranceError) or not heard.inserted:
        return None
    return [{"at": at, "seconds": seconds} for at, seconds in heard.inserted]


def _own_reference(work: UtteranceWork, cell: Cell, clean: Audio | UtteranceError
                   ) -> Audio | UtteranceError:
    """What metrics compare with where the manifest names a ``clean`` recording: that, or where the
    condition changes what is compared with, what it makes of the clean one."""
    if cell.condition is None or work.reference_audio is work.source:
        return attempt(lambda _, clean: clean, work.source, clean)
    return attempt(lambda _, heard: heard.reference, work.reference_audio,
                   attempt(_under, cell.condition, clean, bare(work.utterance)))


def _under(condition: Condition, speech: Audio, utterance: Utterance) -> Heard:
    """What is heard of ``speech`` under a condition."""
    return guarded(lambda: taken_heard(condition.apply(handed(speech), utterance), speech))


def _changed(work: UtteranceWork) -> bool:
    """Whether the condition made other samples of the recording."""
    return (isinstance(work.input, Audio) and isinstance(work.source, Audio)
            and not np.array_equal(work.input.samples, work.source.samples))


def _error_in(value: Any) -> UtteranceError | None:
    return value if isinstance(value, UtteranceError) else None


def _read(utterance: Utterance, path: Path | None, channel: int) -> Audio:
    from evalkit.recordings.reading import load

    if path is None:
        raise UtteranceError("MissingAudio", "the manifest names no audio")
    return load(path, offset=utterance.offset, duration=utterance.duration, channel=channel)


def levels(audio: Audio | UtteranceError | None) -> dict[str, float | None]:
    """Quality-control figures, None for what is not finite; none of what is no audio."""
    if not isinstance(audio, Audio):
        return {}
    from evalkit import audio as waveform

    return {name: value if np.isfinite(value) else None
            for name, value in vars(waveform.levels(audio)).items()}


def enhance(group: Sequence[UtteranceWork], enhancer: Enhancer) -> None:
    """Each enhancer output at its input's rate and length, aligned to the input."""
    for batch in slices(group, enhancer.batch):
        answers = ask(enhancer.enhance, enhancer.rate, [work.input for work in batch],
                      lambda made, heard: taken_enhanced(made, heard, enhancer.delay))
        for work, answer in zip(batch, answers, strict=True):
            aligned = attempt(_aligned, answer.value, work.input, enhancer.delay)
            work.audio, lag = (aligned, None) if isinstance(aligned, UtteranceError) else aligned
            if isinstance(work.audio, Audio) and answer.value.rate != work.audio.rate:
                answer.resampled.add(f"{answer.value.rate}>{work.audio.rate}")
            work.note("enhanced", _error_in(work.audio), lag=lag,
                      processing_seconds=answer.spent.elapsed, resampled=sorted(answer.resampled),
                      processor_seconds=answer.spent.processor, machine=machine(),
                      **levels(work.audio))


def _aligned(made: Audio, heard: Audio, delay: float) -> tuple[Audio, float]:
    from evalkit import audio as waveform

    return waveform.align(made, heard, delay)


def recognise(group: Sequence[UtteranceWork], recognizer: Recognizer | Recalled) -> None:
    """A hypothesis each, of a system that hears or that looks it up."""
    answers = (_hearing(group, recognizer, recognizer.transcribe, taken_hypothesis)
               if recognizer.needs_audio else _recalling(group, recognizer, taken_hypothesis))
    for work, answer in answers:
        work.hypothesis = answer.value
        work.note("recognised", _error_in(answer.value), **row_of(value_of(answer.value)),
                  processing_seconds=answer.spent.elapsed, resampled=sorted(answer.resampled),
                  processor_seconds=answer.spent.processor, machine=machine(),
                  peak_bytes=answer.peak)


def embed(group: Sequence[UtteranceWork], encoder: SpeakerEncoder | Recalled) -> None:
    """A unit vector each, of a system that hears or that looks it up."""
    answers = (_hearing(group, encoder, encoder.embed, taken_embedding)
               if encoder.needs_audio else _recalling(group, encoder, taken_embedding))
    for work, answer in answers:
        work.note("embedded", _error_in(answer.value), embedding=value_of(answer.value),
                  processing_seconds=answer.spent.elapsed, resampled=sorted(answer.resampled))


def endpoint(group: Sequence[UtteranceWork], endpointer: Endpointed) -> None:
    """When each speaker has ended, of what the recognizer hears too."""
    for work, answer in _hearing(group, endpointer, endpointer.find, lambda made: made):
        work.endpoints = answer.value
        found = value_of(answer.value)
        work.note("endpointed", _error_in(answer.value),
                  endpoints=None if found is None else [vars(each) for each in found],
                  processing_seconds=answer.spent.elapsed, resampled=sorted(answer.resampled))


def _hearing(group: Sequence[UtteranceWork], part: Listener | Endpointed,
             function: Callable[[list[Audio]], Iterable[Any]], take: Callable[[Any], Any]
             ) -> Iterator[tuple[UtteranceWork, Answer]]:
    for batch in slices(group, part.batch):
        answers = ask(function, part.rate, [work.audio for work in batch],
                      lambda made, _: take(made))
        yield from zip(batch, answers, strict=True)


def _recalling(group: Sequence[UtteranceWork], part: Recalled, take: Callable[[Any], Any]
               ) -> Iterator[tuple[UtteranceWork, Answer]]:
    for work in group:
        yield work, Answer(attempt(guarded, _recalled, part, work.utterance, take))


def _recalled(part: Recalled, utterance: Utterance, take: Callable[[Any], Any]) -> Any:
    return take(part.recall(bare(utterance)))


def keep_audio(work: UtteranceWork, stages: Mapping[str, str], made: Iterable[str],
               store: OutputStore) -> None:
    """Saves what was heard, where the condition changed it, and what an enhancer ``made``: to
    listen to, and the latter exactly."""
    if "heard" in made and work.rows["heard"]["changed"] and isinstance(work.input, Audio):
        _keep(work, "heard", store.audio(stages["heard"], work.utterance.id, ".flac"), work.input)
    if "enhanced" in made and isinstance(work.audio, Audio):
        _keep(work, "enhanced", store.audio(stages["enhanced"], work.utterance.id, ".flac"),
              work.audio)
        store.keep_samples(stages["enhanced"], work.utterance.id, work.audio.samples)


def _keep(work: UtteranceWork, stage: str, path: Path, audio: Audio) -> None:
    """Saves audio; what no file can hold is an error of its stage."""
    from evalkit import audio as waveform

    try:
        with replacing(path) as temporary:
            waveform.save(temporary, audio)
    except UtteranceError as error:
        work.rows[stage]["error"] = str(error)
        work.audio = error
