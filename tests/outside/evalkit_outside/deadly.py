"""A recognizer and a metric that end or never end the process that they work in."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from evalkit.core.types import Audio, Fact, Hypothesis, Measurement, Output, Utterance


def loop() -> None:
    while True:
        pass


def do(what: str, marker: str = "") -> None:
    """What a bad library does; only the first time where a ``marker`` can be left."""
    if marker:
        if Path(marker).exists():
            return
        Path(marker).touch()
    DEEDS[what]()


DEEDS: Mapping[str, Callable[[], object]] = {
    "loop": loop,
    "sleep": lambda: time.sleep(1000),
    "hold": lambda: ctypes.PyDLL(None).sleep(1000),  # C code that holds the interpreter
    "segfault": lambda: ctypes.string_at(0),
    "exit": lambda: os._exit(0),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "abort": os.abort,
    "terminate": lambda: os.kill(os.getpid(), signal.SIGTERM),
}


@dataclass(frozen=True)
class Deadly:
    """Hears a word a tenth of a second. Of a recording of ``at`` samples it does ``what``. It
    adds a line for every time that it is loaded to the file ``loads``, and a dot to ``calls`` for
    every recording; it does ``loading`` when it is loaded, ``making`` when it is made."""

    at: int = -1
    what: str = "loop"
    marker: str = ""
    batch: int = 1
    loads: str = ""
    calls: str = ""
    loading: str = ""
    making: str = ""
    pause: float = 0.0

    rate = None
    identity: ClassVar[str] = "deadly"
    needs_audio = True

    def __post_init__(self) -> None:
        if self.making:
            do(self.making)

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        if len(batch) == 1 and len(batch[0].samples) == 16_000 and self.loads:  # warming up
            with Path(self.loads).open("a") as file:
                print(os.getpid(), file=file)
        if self.loading:
            do(self.loading, self.marker)
        return [self._hear(audio) for audio in batch]

    def _hear(self, audio: Audio) -> Hypothesis:
        time.sleep(self.pause)
        if self.calls:
            with Path(self.calls).open("a") as file:
                file.write(".")
        if len(audio.samples) == self.at:
            do(self.what, self.marker)
        return Hypothesis(" ".join(["on"] * int(10 * audio.duration)))


@dataclass(frozen=True)
class Endless:
    """A metric that does ``what`` of the utterance ``of``."""

    of: str = ""
    what: str = "loop"

    name = "endless"
    version = "1"
    needs = frozenset({"text"})
    text_options: ClassVar[frozenset[str]] = frozenset()
    facts: ClassVar[dict[str, Fact]] = {"endless": Fact("", None, "nothing")}

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        if utterance.id == self.of:
            do(self.what)
        return {"endless": Measurement(1.0, 1.0)}


@dataclass(frozen=True)
class Lethal:
    """A metric that kills the process that measures utterance u5."""

    name = "lethal"
    version = "1"
    needs = frozenset({"text"})
    text_options: ClassVar[frozenset[str]] = frozenset()
    facts: ClassVar[dict[str, Fact]] = {"lethal": Fact("", None, "nothing")}

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        if utterance.id == "u5":
            do("kill")
        return {"lethal": Measurement(1.0, 1.0)}
