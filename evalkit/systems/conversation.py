"""Talking in lines with a program of the user's that stays: whatever it does wrong ends the talk
with one reason, and nothing that it writes is kept without bound."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from evalkit.core.clock import loading
from evalkit.core.errors import UtteranceError
from evalkit.systems import programs

LONGEST_LINE = 1 << 24
"""Bytes of an answer."""
LAST_WORDS = 1 << 16
"""Bytes of standard error that are remembered."""
AT_ONCE = 1 << 16
"""Bytes that are read or written at a time."""


class TroubleError(Exception):
    """The talk is at an end: ``error`` says why, ``died`` whether the program ended itself."""

    def __init__(self, kind: str, reason: str, *, died: bool = False) -> None:
        super().__init__(reason)
        self.error, self.died = UtteranceError(kind, reason), died


class Conversation:
    """With a program that was just started, until ``end``, or until nobody refers to it."""

    def __init__(self, arguments: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        self._minder = programs.begin(arguments, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
        streams = self._minder.stdin, self._minder.stdout, self._minder.stderr
        self._in, self._out, self._err = (stream.fileno() for stream in streams if stream)
        for descriptor in (self._in, self._out, self._err):
            os.set_blocking(descriptor, False)
        self._heard, self._last_words = bytearray(), b""
        self._silent = False
        self._unsaid = memoryview(b"")
        self._finalizer = weakref.finalize(self, programs.end, self._minder)

    def answers(self, said: bytes, seconds: float) -> Iterator[bytes]:
        """Says ``said``; yields the lines that are answered within ``seconds``, for as long as the
        caller wants more. Raises TroubleError of kind ProgramDied, ProgramTimeout or
        TooMuchOutput, after which there is nothing more to say."""
        deadline, self._unsaid = time.monotonic() + seconds, memoryview(said)
        while True:
            while (length := self._heard.find(b"\n")) >= 0:
                line = bytes(self._heard[:length])
                del self._heard[:length + 1]
                yield line
            if len(self._heard) > LONGEST_LINE:
                raise TroubleError("TooMuchOutput", f"a line of its answer has more than "
                                   f"{LONGEST_LINE >> 20} MiB")
            if not self._exchange(deadline):
                raise TroubleError("ProgramTimeout", f"not answered after {seconds:g} s")

    def end(self) -> None:
        """Ends the program, which is no work on an utterance."""
        with loading():
            self._finalizer()

    def processor_seconds(self) -> float:
        """Of the program and of processes that it started and that have ended, where the system
        tells of them, as Linux does; 0.0 elsewhere."""
        minder = self._minder.pid
        try:
            children = Path(f"/proc/{minder}/task/{minder}/children").read_text().split()
            return sum(map(_processor_seconds, children))
        except (OSError, IndexError, ValueError):  # it has just ended
            return 0.0

    def _exchange(self, deadline: float) -> bool:
        """Says and hears whatever can be; whether that was anything."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ, self._hear)
            if not self._silent:
                selector.register(self._err, selectors.EVENT_READ, self._hear_complaints)
            if self._unsaid:
                selector.register(self._in, selectors.EVENT_WRITE, self._say)
            ready = selector.select(max(0.0, deadline - time.monotonic()))
        for key, _ in ready:
            key.data()
        return bool(ready)

    def _say(self) -> None:
        try:
            self._unsaid = self._unsaid[os.write(self._in, self._unsaid[:AT_ONCE]):]
        except BrokenPipeError:  # that it hung up is heard
            self._unsaid = memoryview(b"")

    def _hear(self) -> None:
        piece = os.read(self._out, AT_ONCE)
        self._heard += piece
        if not piece:
            raise TroubleError("ProgramDied", self._how_it_ended(), died=True)

    def _hear_complaints(self) -> None:
        piece = os.read(self._err, AT_ONCE)
        self._silent = not piece
        self._last_words = (self._last_words + piece)[-LAST_WORDS:]

    def _how_it_ended(self) -> str:
        with loading():
            try:
                code = self._minder.wait(programs.LONGEST_END)
            except subprocess.TimeoutExpired:
                return "it closed its standard output; it must answer there until its input ends"
        with suppress(BlockingIOError):
            while not self._silent:
                self._hear_complaints()
        return programs.ending(code, self._last_words.decode("utf-8", errors="replace"))


def _processor_seconds(process: str) -> float:
    """Of one process and its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
