"""Enhancers and recognizers that are programs of the user's.

    {name: command, run: "python denoise.py --in {input} --out {output}"}

``run`` is split as a shell would and run without one, where evalkit was started. ``{input}``
and ``{output}`` become paths of WAV files (16-bit, one channel) in a temporary folder. It is run
anew for every utterance, and its starting up counts as processing time. It may use LONGEST_PRINT
and LONGEST_FILE; what it has started ends with it (evalkit.systems.minder), and it with evalkit.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evalkit import audio as waveform
from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio, Hypothesis
from evalkit.systems import programs

LONGEST_PRINT = 1 << 20
"""Bytes of standard output, a hypothesis."""
LONGEST_FILE = 1 << 28
"""Bytes of a file that the command makes in its temporary folder."""
LOOK = 0.1
"""Seconds between two looks at how much it has written."""


@dataclass(frozen=True)
class CommandEnhancer(programs.StatedEnhancer):
    """A program that reads ``{input}`` and writes ``{output}``, at the same sampling rate.

    ``rate`` in Hz is what it wants, the recording's own where None; after ``timeout_s`` it is
    killed."""

    run: str | Sequence[str]
    rate: int | None = None
    timeout_s: float = 60.0

    batch = 1

    def __post_init__(self) -> None:
        _check(self.run, self.timeout_s, "{input}", "{output}")
        self.check_stated()

    @property
    def identity(self) -> str:
        return f"{self!r} {programs.files_of(self.run)}"

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        """Raises UtteranceError of kind CommandFailed, CommandTimeout or WrongRate, or as
        evalkit.recordings.reading.load does of the program's output."""
        return [self._enhance(speech) for speech in batch]

    def _enhance(self, speech: Audio) -> Audio:
        with programs.scratch() as folder:
            _execute(self.run, speech, folder, self.timeout_s)
            return self.made(folder / "output.wav", speech)


@dataclass(frozen=True)
class CommandRecognizer:
    """A program that reads ``{input}`` and prints what it heard, in UTF-8, on standard output.

    ``rate`` in Hz is what it wants, the recording's own where None; after ``timeout_s`` it is
    killed."""

    run: str | Sequence[str]
    rate: int | None = 16_000
    timeout_s: float = 60.0

    batch = 1
    needs_audio = True
    cost = programs.UNSAID

    def __post_init__(self) -> None:
        _check(self.run, self.timeout_s, "{input}")

    @property
    def identity(self) -> str:
        return f"{self!r} {programs.files_of(self.run)}"

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each, its lines joined. Raises UtteranceError of kind CommandFailed,
        CommandTimeout or BadText."""
        return [self._hear(audio) for audio in batch]

    def _hear(self, audio: Audio) -> Hypothesis:
        with programs.scratch() as folder:
            _execute(self.run, audio, folder, self.timeout_s)
            printed = (folder / "stdout").read_bytes()
        try:
            return Hypothesis(" ".join(printed.decode("utf-8").split()))
        except UnicodeDecodeError as error:
            raise UtteranceError("BadText", f"the command printed {error}") from error


def _check(run: str | Sequence[str], timeout: float, *places: str) -> None:
    programs.check_run(run, *places)
    programs.check_seconds("timeout_s", timeout)


def _execute(run: str | Sequence[str], speech: Audio, folder: Path, timeout: float) -> None:
    """Runs the command on ``speech``; what it prints goes to the files stdout and stderr."""
    source, target = folder / "input.wav", folder / "output.wav"
    waveform.save(source, speech)
    arguments = [argument.replace("{input}", str(source)).replace("{output}", str(target))
                 for argument in programs.arguments_of(run)]
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as errors:
        minder = programs.begin(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
        try:
            code = _wait(minder, folder, timeout)
        finally:
            programs.end(minder)
    _check_sizes(folder)
    if code:
        raise UtteranceError("CommandFailed", programs.ending(code, _end_of(folder / "stderr")))


def _wait(minder: subprocess.Popen[bytes], folder: Path, timeout: float) -> int:
    """The exit code. Raises UtteranceError after ``timeout`` seconds, or once it wrote too much."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        with suppress(subprocess.TimeoutExpired):
            return minder.wait(min(LOOK, max(0.0, deadline - time.monotonic())))
        _check_sizes(folder)
    raise UtteranceError("CommandTimeout", f"not done after {timeout:g} s")


def _check_sizes(folder: Path) -> None:
    """Raises UtteranceError where the command wrote more than it may."""
    for name, most in (("stdout", LONGEST_PRINT), ("stderr", LONGEST_FILE),
                       ("output.wav", LONGEST_FILE)):
        with suppress(FileNotFoundError):
            if (folder / name).lstat().st_size > most:
                raise UtteranceError("TooMuchOutput", f"it wrote more than {most >> 20} MiB "
                                     f"{'as' if '.' in name else 'to'} {name}")


def _end_of(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 16)))
        return file.read().decode("utf-8", errors="replace")
