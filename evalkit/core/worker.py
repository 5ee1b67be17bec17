"""A worker process, from within: it answers the calls of its parent, tells and notes what it is
doing, and ends when its parent does."""

from __future__ import annotations

import ctypes
import mmap
import os
import select
import signal
import struct
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, ClassVar, NamedTuple

from evalkit.core.memory import keep_freed

FAREWELL = 1.0
"""Seconds that a process has to end by itself."""
_PDEATHSIG = 1  # of Linux's prctl: the signal that a process gets when its parent dies
_LAYOUT = struct.Struct("=2qd")
NOTE_SIZE = _LAYOUT.size


class Note(NamedTuple):
    """What a worker is doing: it works on ``n`` items from number ``first`` on (none that it
    knows of where 0), ``since`` time.monotonic(), which is the same clock in all processes."""

    first: int
    n: int
    since: float

    def pack(self) -> bytes:
        return _LAYOUT.pack(*self)

    @classmethod
    def unpack(cls, packed: bytes) -> Note:
        return cls(*_LAYOUT.unpack(packed))


class ParentLink:
    """Where a worker says what it is doing. In a process that is no worker nobody listens."""

    here: ClassVar[ParentLink]
    """This process's."""

    def __init__(self, connection: Connection | None = None, paper: mmap.mmap | None = None
                 ) -> None:
        self._connection, self._paper = connection, paper

    def tell(self, message: Any) -> None:
        """Sends the parent a message, beside the answer."""
        if self._connection is not None:
            self._connection.send(("told", message))

    def note(self, first: int = 0, n: int = 0) -> None:
        """Notes that items ``first`` to ``first + n`` are worked on from now on. The parent can
        read it when this process hangs or is dead."""
        if self._paper is not None:
            self._paper[:] = Note(first, n, time.monotonic()).pack()


ParentLink.here = ParentLink()


def serve(connection_fd: int, note_fd: int, idle: float | None) -> None:
    """The whole life of a worker: answers calls until its parent closes the connection, or none
    has come for ``idle`` seconds."""
    for descriptor in (connection_fd, note_fd):
        os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGINT, lambda *_: None)  # programs that it starts hear it again
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    keep_freed()
    connection = Connection(connection_fd)
    end_with_parent(connection_fd)
    ParentLink.here = ParentLink(connection, mmap.mmap(note_fd, NOTE_SIZE))
    while connection.poll(idle):
        try:
            work, arguments = connection.recv()
            answer = "returned", work(*arguments)
        except EOFError:
            return
        except BaseException as error:  # SystemExit would end the parent as if all were well
            answer = "raised", _portable(error)
        ParentLink.here.note()
        connection.send(answer)


def end_with_parent(connection_fd: int) -> None:
    """This process ends when its parent does, which holds the other end of the connection: even
    in C code that holds the interpreter, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        hung_up = select.poll()
        hung_up.register(connection_fd, 0)
        hung_up.poll()
        time.sleep(FAREWELL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _portable(error: BaseException) -> Exception:
    """``error`` with its traceback; another that says it where the error cannot be handed to
    another process."""
    told = "".join(traceback.format_exception(error))
    try:
        copy = ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:
        copy = None
    if not isinstance(copy, Exception):
        copy = RuntimeError(f"{type(error).__name__} in a worker")
    copy.add_note(told)
    return copy
