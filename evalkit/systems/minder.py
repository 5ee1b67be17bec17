"""Minds one command: what the command has started ends with it, and the command with its user.

    python minder.py PARENT COMMAND ARGUMENTS…

A program of its own, of the standard library alone, so that it starts quickly and outlives the
process PARENT, whose command it is, by a moment. It ends as the command ends: with its exit code,
or by its signal. It is asked to end all, the command included, by SIGTERM, which Linux also sends
it when PARENT dies. On other systems than Linux only the command's process group ends with it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import NoReturn

SIGNAL_WHEN_PARENT_DIES, LEAVE_NO_CORE, ADOPT_ORPHANS = 1, 4, 36  # <linux/prctl.h>


def main(parent: int, arguments: list[str]) -> NoReturn:
    """Runs the command to its end."""
    signal.signal(signal.SIGTERM, _asked_to_end)
    _prctl(ADOPT_ORPHANS, 1)
    _prctl(SIGNAL_WHEN_PARENT_DIES, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(128 + signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    command = os.fork()
    if command == 0:
        _become(arguments)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.closerange(0, 2)  # who talks with the command hears when that hangs up
        _, status = os.waitpid(command, 0)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end_all(command)
    _end_like(status)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _asked_to_end(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def _become(arguments: list[str]) -> NoReturn:
    """The command, in a process group of its own, with the signals of a program that was just
    started."""
    os.setpgid(0, 0)
    _prctl(SIGNAL_WHEN_PARENT_DIES, signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        os.execvp(arguments[0], arguments)  # noqa: S606 -- no shell has to understand it
    except OSError as error:
        os.write(2, f"{arguments[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _end_all(command: int) -> None:
    """Kills the command's group, then whatever else is a child of this process, until there is
    none: a process that is killed leaves its own children to this one."""
    try:
        _kill(-command)
        while True:
            for child in _children():
                _kill(child)
            os.waitpid(-1, 0)
    except ChildProcessError:
        return


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _children() -> list[int]:
    try:
        file = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY)
    except OSError:
        return []
    try:
        return [int(word) for word in os.read(file, 1 << 20).split()]
    finally:
        os.close(file)


def _end_like(status: int) -> NoReturn:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        _prctl(LEAVE_NO_CORE, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    raise SystemExit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
