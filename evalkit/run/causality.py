"""How far ahead a system looks, and whether what comes out of its stream depends on how the audio
is cut: found by putting noise in the place of parts of it, and by cutting it in many ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from evalkit.audio import resample
from evalkit.core.config import PipelineConfig, Plugin
from evalkit.core.errors import UtteranceError
from evalkit.core.plugins import available
from evalkit.core.protocols import TrainableRecognizer
from evalkit.core.types import Audio, Recording, Utterance
from evalkit.run.cuts import (
    COARSE,
    Streaming,
    Watched,
    difference,
    ended,
    enhanced,
    first_difference,
    recognised,
    ways_to_cut,
)
from evalkit.run.dependencies import Perturbed, like, step_of
from evalkit.run.pipeline import build_part, plugins_of

STEP = 0.01
"""Seconds of what an enhancer makes that count as one output."""
SECONDS = 2.0
"""Of the audio that is looked at."""
SHORTEST = 0.5
"""Of audio that is long enough."""
Watch = Callable[[Any, Audio, Sequence[int]], Any]
"""What comes out of a system's stream that is given audio in pieces with these borders."""
STREAMING: Mapping[str, tuple[str, Watch]] = {
    "enhanced": ("enhancers", enhanced), "recognised": ("recognizers", recognised)}
"""By stage, the group of systems, and what watches their streams."""


@dataclass(frozen=True)
class Examined:
    """What was found of a ``system``; seconds, None where nothing could be measured. ``ahead`` and
    ``behind`` are infinite where it looks to the end or the beginning of the audio, ``step`` is how
    long an output is of which they are said. ``faults`` are what is wrong, the worst first;
    ``unknown`` is what could not be measured."""

    pipeline: str
    system: str
    ahead: float | None = None
    behind: float | None = None
    step: float | None = None
    states: float | None = None
    streams: bool = False
    faults: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def verdict(self) -> str:
        """In one line."""
        if self.faults:
            return self.faults[0]
        parts = [] if self.ahead is None else [f"causal, looks ahead {1000 * self.ahead:.0f} ms"]
        parts += [self.unknown] if self.unknown else []
        return ", ".join([*parts, *(["the same for any cut"] if self.streams else [])])


class _Found(NamedTuple):
    """Of one question: the reach and an output's length in seconds, or a fault."""

    ahead: float | None = None
    behind: float | None = None
    step: float | None = None
    fault: str = ""


def examine(config: PipelineConfig, audio: Audio) -> Iterator[Examined]:
    """Every system of a pipeline that hears audio on its way to words, with at most the first
    SECONDS of ``audio``. Raises UtteranceError of kind TooShort, ConfigError and PluginError."""
    if audio.duration < SHORTEST:
        raise UtteranceError("TooShort", f"{audio.duration:.2f} s of audio; give {SHORTEST} or "
                                         "more")
    for stage, plugin in plugins_of(config).items():
        if stage in STREAMING:
            yield _examined(config.name, stage, plugin, audio)
        elif stage == "endpointed":
            part = build_part("endpointers", plugin)
            yield _of_stream(Examined(config.name, plugin.name, streams=True, unknown="end-points "
                             "do not tell how far it looks ahead"), ended, part, audio)


def _examined(pipeline: str, stage: str, plugin: Plugin, audio: Audio) -> Examined:
    group, watch = STREAMING[stage]
    streams = plugin.name in available(f"streaming_{group}")
    part = build_part(f"streaming_{group}" if streams else group, plugin)
    reach, unknown = _reach_of(stage, plugin, part, audio)
    examined = Examined(pipeline, plugin.name, reach.ahead, reach.behind, reach.step,
                        part.delay if stage == "enhanced" else None, streams,
                        tuple(filter(None, [reach.fault])), unknown)
    return _of_stream(examined, watch, part, audio, whole=True) if streams else examined


def _reach_of(stage: str, plugin: Plugin, part: Any, audio: Audio) -> tuple[_Found, str]:
    """What an output depends on, or why that cannot be measured."""
    if stage == "enhanced":
        return _asked(lambda: _of_enhancer(part, _heard(part, audio))), ""
    if not part.needs_audio:
        return _Found(), "hears no audio"
    if plugin.name in available("trainable_recognizers"):
        taught = build_part("recognizers", plugin)
        return _asked(lambda: _of_posteriors(taught, _heard(taught, audio))), ""
    return _Found(), "it gives no posteriors, which would tell how far it looks ahead"


def _heard(part: Any, audio: Audio) -> Audio:
    """The beginning of the audio at the rate of the system."""
    wanted = resample(audio, part.rate)
    return Audio(np.ascontiguousarray(wanted.samples[:round(SECONDS * wanted.rate)], np.float32),
                 wanted.rate)


def _asked(ask: Callable[[], _Found]) -> _Found:
    """A failure of the system is a fault."""
    try:
        return ask()
    except UtteranceError as error:
        return _Found(fault=str(error))


def _of_enhancer(part: Any, audio: Audio) -> _Found:
    step = round(STEP * audio.rate)

    def made(signal: np.ndarray) -> np.ndarray:
        (result,) = part.enhance([Audio(signal, audio.rate)])
        if isinstance(result, UtteranceError):
            raise result
        whole = len(signal) - len(signal) % step
        return np.asarray(result.samples[:whole]).reshape(-1, step)

    return _told(Perturbed(made, audio.samples, step, round(part.delay * audio.rate)), audio.rate)


def _of_posteriors(part: TrainableRecognizer, audio: Audio) -> _Found:
    """Of the frames of posteriors; a transducer's of a text without labels, which has one
    a frame."""
    import torch

    from evalkit.models.tensors import threads

    part.module.eval()

    def made(signal: np.ndarray) -> np.ndarray:
        with torch.no_grad(), threads(1):
            logs, frames = part.posteriors([Recording(Utterance("", text=""), "", signal)])
        found: np.ndarray = logs[0, :int(frames[0])].cpu().numpy()
        return found

    n = len(audio.samples)
    step = step_of(lambda length: len(made(np.resize(audio.samples, length))), n // 2)
    return _told(Perturbed(made, audio.samples, step), audio.rate)


def _told(perturbed: Perturbed, rate: int) -> _Found:
    ahead, behind, at = perturbed.reach()
    if ahead is None:
        return _Found(np.inf, _seconds(behind, rate), perturbed.step / rate,
                      f"not causal: what it gives at {at / rate:.2f} s depends on the audio to its "
                      f"end at {len(perturbed.signal) / rate:.2f} s")
    return _Found(ahead / rate, _seconds(behind, rate), perturbed.step / rate)


def _seconds(reach: int | None, rate: int) -> float:
    return np.inf if reach is None else reach / rate


def _of_stream(examined: Examined, watch: Watch, part: Any, audio: Audio, *, whole: bool = False
               ) -> Examined:
    """With what is wrong with its stream."""
    audio = _heard(part, audio)

    def streamed(given: Audio, borders: Sequence[int]) -> Any:
        return watch(part, given, borders)

    asked = [lambda: first_difference(streamed, audio), lambda: _leaked(streamed, audio)]
    asked += [lambda: _unlike_whole(part, streamed, audio)] if whole else []
    faults = [*examined.faults, *filter(None, map(_fault, asked))]
    return Examined(**vars(examined) | {"faults": tuple(faults)})


def _fault(ask: Callable[[], str | None]) -> str | None:
    try:
        return ask()
    except UtteranceError as error:
        return str(error)


def _leaked(streamed: Streaming, audio: Audio) -> str | None:
    """What of a stream is otherwise before the moment from which on it is given noise: its state
    is not its own, or it is not the same twice."""
    borders = ways_to_cut(len(audio.samples), audio.rate)["100 ms at a time"]
    base, noise = streamed(audio, borders), like(audio.samples, 0)
    for moment in (borders[len(borders) // 3], borders[2 * len(borders) // 3]):
        other = streamed(Audio(np.concatenate([audio.samples[:moment], noise[moment:]]),
                               audio.rate), borders)
        known = [border for border in borders if border <= moment]
        found = difference(_until(other, moment), _until(base, moment), known, audio.rate)
        if found is not None:
            return (f"not causal: noise from {moment / audio.rate:.2f} s on changes what comes out "
                    f"at {found.seconds:.3f} s: {found.what}")
    return None


def _until(made: Any, moment: int) -> Any:
    """What had come out when so many samples were in; of a signal no more can have."""
    return (Watched(made.samples, made.shown, None) if isinstance(made, Watched) else
            made[:moment])


def _unlike_whole(part: Any, streamed: Streaming, audio: Audio) -> str | None:
    """How streamed and whole results differ."""
    borders = ways_to_cut(len(audio.samples), audio.rate)["100 ms at a time"]
    made = streamed(audio, borders)
    if isinstance(made, Watched):
        (whole,) = part.transcribe([audio])
        return None if whole.text == made.result.text else (
            f"streamed {round(1000 * COARSE)} ms at a time it hears {made.result.text!r}, of the "
            f"whole {whole.text!r}")
    (whole,) = part.enhance([audio])
    later = max(0, len(made) - len(whole.samples))
    n = len(audio.samples)
    found = difference(made[later:later + n], np.asarray(whole.samples[:n]), borders, audio.rate)
    return None if found is None else (f"streamed it is otherwise from {found.seconds:.3f} s on "
                                       f"than the whole: {found.what}")
