"""Plug-ins that behave, but for one utterance in a way that each is told: ``how``.

What an utterance is recognised by is its length, GUILTY samples. WELL is a way to behave too.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import locale
import os
import random
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.types import Audio, Cost, Fact, Hypothesis, Measurement, Output, Utterance

GUILTY = 11_200
WELL = "well"
KEPT: list[np.ndarray] = []
"""Arrays that a plug-in was given, or gave, and writes into later."""


class Odd(Exception):  # noqa: N818
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Own(BaseException):
    """Not an Exception."""


class Text(str):
    """A text that is not quite one."""

    def __len__(self) -> int:
        raise RuntimeError("no length")


class Shy:
    """Raises where it is looked at."""

    def __getattr__(self, name: str) -> Any:
        raise SystemExit(name)


def fail(error: BaseException | type[BaseException]) -> Callable[..., Any]:
    """A way to behave that ends in ``error``."""
    def failing(*_: Any) -> Any:
        raise error
    return failing


def recurse(good: Any = None, *_: Any) -> Any:
    """Without end."""
    return recurse(good) + 1


ENDINGS: Mapping[str, Callable[..., Any]] = {
    "sys.exit(0)": fail(SystemExit(0)), "sys.exit()": fail(SystemExit),
    "sys.exit('no model')": fail(SystemExit("no model")),
    "KeyboardInterrupt": fail(KeyboardInterrupt), "GeneratorExit": fail(GeneratorExit),
    "StopIteration": fail(StopIteration), "own BaseException": fail(Own("mine")),
    "RecursionError": recurse, "MemoryError": fail(MemoryError), "no message": fail(ValueError),
    "CancelledError": fail(asyncio.CancelledError), "shows nothing": fail(Odd),
    "group": fail(ExceptionGroup("many", [ValueError("a"), OSError("b")])),
    "hostile message": fail(RuntimeError("\ud800\0\n\x1b[31m" + "x" * 10**6)),
    "odd kind": fail(UtteranceError("a: b\n", "\ud800")),
    "kind is None": fail(UtteranceError(None, None)),
    "ConfigError": fail(ConfigError("no model")), "OSError": fail(OSError(28, "full"))}
"""However a call can end; each costs its utterance."""


def chdir(good: Any, *_: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
    return good


def close_streams(good: Any, *_: Any) -> Any:
    sys.stdout.close()
    sys.stderr.close()
    return good


def close_descriptors(good: Any, *_: Any) -> Any:
    os.close(1)
    os.close(2)
    return good


def settle(good: Any, *_: Any) -> Any:
    np.seterr(all="raise")
    warnings.simplefilter("error")
    sys.setrecursionlimit(120)
    locale.setlocale(locale.LC_ALL, "C")
    np.random.seed(1)
    random.seed(1)
    gc.disable()
    os.environ["LANG"] = "nowhere"
    return good


def hide(good: Any, *_: Any) -> Any:
    sys.stdout = sys.stderr = None
    sys.path.clear()
    return good


HARMLESS: Mapping[str, Callable[..., Any]] = {
    "chdir": chdir, "closes streams": close_streams, "closes descriptors": close_descriptors,
    "settings": settle, "hides stdout and path": hide}
"""What is changed outside; no number may change."""


def poke(samples: np.ndarray) -> None:
    """Writes noise into the memory of an array, whatever its flags say."""
    noise = np.random.default_rng(0).standard_normal(len(samples)).astype(samples.dtype)
    ctypes.memmove(samples.ctypes.data, noise.ctypes.data, noise.nbytes)


def write_into(_: Any, given: Audio) -> Any:
    given.samples[:] = np.random.default_rng(0).standard_normal(len(given.samples))
    return given


def write_by_force(_: Any, given: Audio) -> Any:
    given.samples.setflags(write=True)
    return write_into(_, given)


def write_later(good: Audio, given: Audio) -> Audio:
    KEPT[:] = [good.samples, given.samples]
    return good


def write_memory(good: Audio, given: Audio) -> Audio:
    poke(given.samples)
    return good


def audio(change: Callable[[np.ndarray], Any], rate: Any = 16_000) -> Callable[..., Any]:
    """A way to give back other samples."""
    return lambda good, *_: Audio(change(good.samples), rate)


def nan_at_end(samples: np.ndarray) -> np.ndarray:
    return np.append(samples[:-1], np.float32(np.nan))


WAVEFORMS: Mapping[str, Callable[..., Any]] = {
    "writes into its input": write_into, "sets the flag and writes": write_by_force,
    "None": lambda *_: None, "array": lambda good, *_: good.samples, "Shy": lambda *_: Shy(),
    "list": audio(list), "int16": audio(lambda x: (32767 * x).astype(np.int16)),
    "two channels": audio(lambda x: np.stack([x, x])), "complex": audio(lambda x: x * 1j),
    "column": audio(lambda x: x[:, None]), "no samples": audio(lambda x: x[:0]),
    "NaN": audio(nan_at_end), "1e300": audio(lambda x: x.astype(float) * 1e300),
    "objects": audio(lambda x: x.astype(object)), "texts": audio(lambda x: x.astype(str)),
    "a third": audio(lambda x: x[:len(x) // 3]), "hours": audio(lambda x: np.tile(x, 5000)),
    "rate 0": audio(np.copy, 0), "rate 1.6e4": audio(np.copy, 1.6e4), "rate 1": audio(np.copy, 1),
    "rate None": audio(np.copy, None), "rate True": audio(np.copy, True),
    "rate -16000": audio(np.copy, -16_000), "rate '16000'": audio(np.copy, "16000")}
"""What an enhancer or a condition may give back that is no audio, or not of the input."""
STREAMS: Mapping[str, Callable[..., Any]] = {
    "None": lambda *_: None, "list": lambda good, *_: good.tolist(), "Shy": lambda *_: Shy(),
    "a sample more": lambda good, *_: np.append(good, good[:1]),
    "a sample fewer": lambda good, *_: good[1:], "nothing": lambda good, *_: good[:0],
    "NaN": lambda good, *_: nan_at_end(good), "int16": lambda good, *_: good.astype(np.int16),
    "column": lambda good, *_: good[:, None], "Audio": lambda _, given: given,
    "writes into its input": lambda _, given: write_into(_, given).samples}
"""What may come out of a stream that is not what went in; it ends with nothing more."""
TEXTS: Mapping[str, Callable[..., Any]] = {
    "None": lambda *_: None, "str": lambda *_: "on", "dict": lambda *_: {"text": "on"},
    "text None": lambda *_: Hypothesis(None), "bytes": lambda *_: Hypothesis(b"on"),
    "int": lambda *_: Hypothesis(7), "words": lambda *_: Hypothesis(["on"]),
    "surrogate": lambda *_: Hypothesis("on \udcff"), "NUL": lambda *_: Hypothesis("o\0n"),
    "endless": lambda *_: Hypothesis("on " * 10**6), "Shy": lambda *_: Shy(),
    "Hypothesis": lambda *_: Hypothesis}
VECTORS: Mapping[str, Callable[..., Any]] = {
    "None": lambda *_: None, "list": lambda good, *_: good.tolist(),
    "shorter": lambda good, *_: good[:7], "longer": lambda good, *_: np.append(good, good),
    "complex": lambda good, *_: good * 1j, "NaN": lambda good, *_: nan_at_end(good),
    "zero": lambda good, *_: 0 * good, "inf": lambda good, *_: good / 0 * np.inf,
    "number": lambda *_: 0.5, "texts": lambda good, *_: good.astype(str),
    "matrix": lambda good, *_: good[None], "empty": lambda good, *_: good[:0],
    "ints": lambda good, *_: np.ones(32, int), "tiny": lambda good, *_: good * 1e-60}


def results(good: Any, *_: Any) -> Iterator[Any]:
    """One, and then an error."""
    yield good
    raise RuntimeError("half-way")


def without_end(good: Any, *_: Any) -> Iterator[Any]:
    while True:
        yield good


LISTS: Mapping[str, Callable[..., Any]] = {
    "too few": lambda made, given: made[:-1], "too many": lambda made, given: [*made, made[0]],
    "None at all": lambda made, given: None, "a number": lambda made, given: 7,
    "half-way": results, "without end": without_end, "a dict": lambda made, given: {},
    "coroutine": lambda made, given: asyncio.sleep(0)}
"""What may be given back instead of a list of results."""


def clear(made: list[Any], given: list[Audio]) -> list[Any]:
    given.clear()
    return made


def measured(amount: Any, weight: Any = 1.0, name: str = "hostile") -> Callable[..., Any]:
    return lambda *_: {name: Measurement(amount, weight)}


MEASURES: Mapping[str, Callable[..., Any]] = {
    "None": lambda *_: None, "list": lambda good, *_: list(good), "nothing": lambda *_: {},
    "number": lambda *_: 0.5, "float": lambda *_: {"hostile": 0.5}, "NaN": measured(np.nan),
    "inf": measured(-np.inf), "amount None": measured(None), "True": measured(True),
    "text": measured("0.5"), "array": measured(np.ones(2)), "complex": measured(1j),
    "10**400": measured(10**400), "1e308": measured(1e308), "weight -1": measured(1.0, -1.0),
    "weight NaN": measured(1.0, np.nan), "weight None": measured(1.0, None),
    "other name": measured(1.0, 1.0, "wer"), "derived name": measured(1.0, 1.0, "derived"),
    "no name": lambda *_: {None: Measurement(1.0)}, "Shy": lambda *_: {"hostile": Shy()}}


@dataclass(frozen=True)
class _Part:
    """``salt`` makes it another, so that nothing made by an equal one is used again."""

    how: str = WELL
    salt: str = ""
    batch: int = 2

    rate = 16_000
    delay = 0.0
    needs_audio = True
    waywards: ClassVar[Mapping[str, Callable[..., Any]]] = {}

    @property
    def identity(self) -> str:
        return repr(self)

    def answer(self, batch: Sequence[Audio], good: Callable[[Audio], Any]) -> Any:
        """The results of a batch; other than ``good`` where the guilty one is in it."""
        for samples in KEPT:
            if samples.flags.writeable:
                samples[:] = 1.0
            else:
                poke(samples)
        KEPT.clear()
        made = [good(each) for each in batch]
        guilty = [i for i, each in enumerate(batch) if len(each.samples) == GUILTY]
        if not guilty or self.how == WELL:
            return made
        if self.how == "clears its batch":
            return clear(made, batch)
        if self.how in LISTS:
            return LISTS[self.how](made, batch)
        made[guilty[0]] = {**ENDINGS, **HARMLESS, **self.waywards}[self.how](
            made[guilty[0]], batch[guilty[0]])
        return made


@dataclass(frozen=True)
class Enhancer(_Part):
    """Bends what it hears."""

    cost = Cost(0, 0, 0.0)
    waywards = WAVEFORMS | {"writes later": write_later, "writes memory": write_memory}

    def enhance(self, batch: Sequence[Audio]) -> Any:
        return self.answer(batch, lambda a: Audio(np.tanh(2 * a.samples) / 2, a.rate))

    def open(self, rate: int) -> Stream:
        return Stream(self.how)


@dataclass(frozen=True)
class Stream(_Part):
    """The same of pieces; the guilty one is as long as its utterance."""

    delay = 0
    waywards = STREAMS

    def push(self, samples: np.ndarray) -> Any:
        (made,) = self.answer([Audio(samples, self.rate)], lambda a: np.tanh(2 * a.samples) / 2)
        return made

    def finish(self) -> Any:
        return np.zeros(0, np.float32)


@dataclass(frozen=True)
class Recognizer(_Part):
    """Hears as many words as there are tenths of a second of sound."""

    waywards = TEXTS | {"a subclass of str": lambda good, *_: Hypothesis(Text(good.text))}

    def transcribe(self, batch: Sequence[Audio]) -> Any:
        return self.answer(batch, lambda a: Hypothesis(
            " ".join(["on"] * int(10 * a.duration * float(np.abs(a.samples).max() > 0.01)))))


@dataclass(frozen=True)
class Encoder(_Part):
    """Energies in bands."""

    waywards = VECTORS

    def embed(self, batch: Sequence[Audio]) -> Any:
        return self.answer(batch, self._bands)

    @staticmethod
    def _bands(a: Audio) -> np.ndarray:
        energy = np.abs(np.fft.rfft(a.samples, 4096))[:2048].reshape(32, 64).sum(1)
        return energy / np.linalg.norm(energy)


def change_metadata(good: Any, utterance: Utterance, output: Output) -> Any:
    utterance.metadata["accent"] = "another"
    return good


def write_reference(good: Any, utterance: Utterance, output: Output) -> Any:
    output.reference_audio.samples[:] = 0
    return good


def poke_both(good: Any, utterance: Utterance, output: Output) -> Any:
    poke(output.reference_audio.samples)
    poke(output.audio.samples)
    return good


@dataclass(frozen=True)
class Metric:
    """The level of the output, and whether it is told what the manifest says."""

    how: str = WELL
    salt: str = ""

    name = "hostile"
    needs = frozenset({"audio", "reference_audio"})
    text_options: ClassVar[frozenset[str]] = frozenset()
    facts: ClassVar[Mapping[str, Fact]] = {"hostile": Fact("", True, "A level")}

    @property
    def version(self) -> str:
        return repr(self)

    def measure(self, utterance: Utterance, output: Output) -> Any:
        assert output.audio is not None
        level = float(np.abs(output.audio.samples).sum(dtype=float))
        good = {"hostile": Measurement(level + len(utterance.metadata["accent"]))}
        if len(output.audio.samples) != GUILTY or self.how == WELL:
            return good
        ways = {**ENDINGS, **HARMLESS, **MEASURES, "changes the metadata": change_metadata,
                "writes into the reference": write_reference, "writes memory": poke_both}
        return ways[self.how](good, utterance, output)


@dataclass(frozen=True)
class Condition(_Part):
    """Everything a little quieter."""

    waywards = {name: way for name, way in WAVEFORMS.items() if name != "array"} | {
        "other rate": audio(np.copy, 8_000), "a sample less": audio(lambda x: x[:-1]),
        "a sample more": audio(lambda x: np.append(x, x[:1])), "writes later": write_later,
        "writes memory": write_memory}

    def bind(self, utterances: Sequence[Utterance]) -> Condition:
        return self

    def apply(self, speech: Audio, utterance: Utterance) -> Any:
        return self.answer([speech], lambda a: Audio(a.samples * np.float32(0.9), a.rate))[0]


def leave(*_: Any, **__: Any) -> Any:
    raise SystemExit(0)


@dataclass(frozen=True)
class Unmade(Recognizer):
    """A recognizer that cannot be made: ``where`` says what ends the program."""

    where: str = "init"

    def __post_init__(self) -> None:
        if self.where == "init":
            leave()
        if self.where == "error":
            raise RuntimeError("no\nmodel")

    @property
    def identity(self) -> str:
        return leave() if self.where == "identity" else {"number": 7, "empty": ""}.get(
            self.where, "unmade")

    def transcribe(self, batch: Sequence[Audio]) -> Any:
        return leave() if self.where == "warm-up" else super().transcribe(batch)


@dataclass(frozen=True)
class Unbound(Condition):
    """A condition that ends the program where it is bound."""

    def bind(self, utterances: Sequence[Utterance]) -> Condition:
        return leave()


@dataclass(frozen=True)
class Misstated(Metric):
    """A metric whose facts are none."""

    facts: ClassVar[Mapping[str, Any]] = {"hostile": "a level"}


def die(good: Any, *_: Any) -> Any:
    os._exit(0)


def crash(good: Any, *_: Any) -> Any:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


def loop(good: Any, *_: Any) -> Any:
    while True:
        pass


DYING: Mapping[str, Callable[..., Any]] = {"os._exit(0)": die, "SIGSEGV": crash, "while True": loop}


@dataclass(frozen=True)
class Dying(Recognizer):
    """A recognizer whose process dies, or does not end."""

    waywards = DYING
