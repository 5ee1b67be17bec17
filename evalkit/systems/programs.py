"""Programs of the user's: what they are, the folder they are given, and how they begin and end.

What a program has started ends with it (evalkit.systems.minder), and it with evalkit.
"""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from evalkit import audio as waveform
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.files import digest
from evalkit.core.types import Audio, Cost
from evalkit.recordings.reading import load

MINDER = str(Path(__file__).with_name("minder.py"))
UNSAID = Cost(unknown="the program does not say it")
"""What the network of a recognizer or encoder that is a program takes."""
PREFIX = "evalkit-"
"""Of the names of temporary folders."""
LONGEST_END = 2.0
"""Seconds within which what a program has started is ended."""


def arguments_of(run: str | Sequence[str]) -> list[str]:
    """The program and its arguments; a text is split as a shell would."""
    return shlex.split(run) if isinstance(run, str) else [str(argument) for argument in run]


def check_run(run: str | Sequence[str], *places: str) -> None:
    """Raises ValueError where ``run`` does not say where each of ``places`` goes, and ConfigError
    where there is no such program."""
    arguments = arguments_of(run)
    for place in places:
        if not any(place in argument for argument in arguments):
            raise ValueError(f"run: {run!r} does not say where {place} goes")
    if not arguments:
        raise ValueError("run: names no program")
    if shutil.which(arguments[0]) is None:
        raise ConfigError(f"command {arguments[0]!r}: no such program; install it, or give its "
                          "path")


def check_seconds(name: str, seconds: float) -> None:
    """Raises ValueError where the option ``name`` is no time."""
    if not seconds > 0:
        raise ValueError(f"{name} must be positive, not {seconds!r}")


def files_of(run: str | Sequence[str]) -> str:
    """Digests of the program and of every argument that is a file: scripts, models."""
    program, *arguments = arguments_of(run)
    paths = [Path(shutil.which(program) or program), *map(Path, arguments)]
    return " ".join(f"sha256:{digest(path)}" for path in paths if path.is_file())


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder. Its name, which is never twice the same, is left out of errors. Raises
    UtteranceError of kind NoRoom where it cannot be made or is full, which a program whose output
    was cut may not have noticed."""
    try:
        with TemporaryDirectory(prefix=PREFIX) as name:
            try:
                yield Path(name)
            except UtteranceError as error:
                _check_room()
                raise without_folder(error, Path(name)) from error
            _check_room()
    except OSError as error:
        unmade = Path(str(error.filename)).name.startswith(PREFIX)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and not unmade:
            raise
        raise _no_room(error.strerror or "cannot be written") from error


def without_folder(error: UtteranceError, folder: Path) -> UtteranceError:
    """``error`` without the name of a temporary folder."""
    return UtteranceError(error.kind, error.reason.replace(f"{folder}{os.sep}", ""))


def _check_room() -> None:
    if not shutil.disk_usage(gettempdir()).free:
        raise _no_room(os.strerror(errno.ENOSPC))


def _no_room(why: str) -> UtteranceError:
    return UtteranceError("NoRoom", f"{gettempdir()}: {why}; make room, or name another folder for "
                                    "temporary files in TMPDIR")


def begin(arguments: Sequence[str], **streams: Any) -> subprocess.Popen[bytes]:
    """The minder of a program that has just been started; ``streams`` as subprocess has them."""
    return subprocess.Popen([sys.executable, "-I", "-S", MINDER, str(os.getpid()), *arguments],
                            process_group=0, **streams)


def end(minder: subprocess.Popen[bytes]) -> None:
    """No process of the program stays."""
    minder.terminate()
    try:
        minder.wait(LONGEST_END)
    except subprocess.TimeoutExpired:
        minder.kill()
        minder.wait()


def ending(code: int, said: str) -> str:
    """How a program ended, with the last line of what it ``said``."""
    ended = f"exit code {code}" if code >= 0 else f"killed by signal {-code}"
    lines = (line.strip() for line in reversed(said.split("\n")))
    return f"{ended}: {next(filter(None, lines), 'it said nothing')}"


@dataclass(frozen=True, kw_only=True)
class StatedEnhancer:
    """What an enhancer that is a program cannot be asked for, and its user states.

    ``delay_ms`` is its algorithmic delay; ``weights``, ``weight_bytes`` and ``macs_per_second``
    are what its network takes, where you know it: the report shows it, nothing depends on it.
    Output that is shorter or longer than the input and the delay together is padded with zeros or
    cut at the end."""

    delay_ms: float = 0.0
    weights: int | None = field(default=None, repr=False)
    weight_bytes: int | None = field(default=None, repr=False)
    macs_per_second: float | None = field(default=None, repr=False)

    def check_stated(self) -> None:
        """Raises ValueError where it cannot be."""
        _ = self.cost
        if not self.delay_ms >= 0:
            raise ValueError(f"delay_ms must not be negative, but is {self.delay_ms!r}")

    @property
    def delay(self) -> float:
        return self.delay_ms / 1000

    @property
    def cost(self) -> Cost:
        stated = (self.weights, self.weight_bytes, self.macs_per_second)
        return Cost(*stated, "the options of the program do not say it" if None in stated else "")

    def made(self, output: Path, speech: Audio) -> Audio:
        """What the program wrote as ``output`` of ``speech``. Raises UtteranceError of kind
        CommandFailed or WrongRate, or as evalkit.recordings.reading.load does."""
        made = load(_written(output))
        if made.rate != speech.rate:
            raise UtteranceError(
                "WrongRate", f"given {speech.rate} Hz, the command wrote {made.rate} Hz")
        length = len(speech.samples) + round(self.delay * speech.rate)
        return Audio(waveform.fit(made.samples, length), speech.rate)


def _written(output: Path) -> Path:
    """``output``, a file that a program made. A link, a folder, a pipe or a device is not read."""
    try:
        mode = output.lstat().st_mode
    except FileNotFoundError:
        raise UtteranceError("CommandFailed", "it wrote no {output}") from None
    if not stat.S_ISREG(mode):
        raise UtteranceError("CommandFailed", "what it made as {output} is no regular file; it "
                                              "must write a WAV file there")
    return output
