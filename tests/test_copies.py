"""Work in a copy of this process: done there where it can be, here where it cannot."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.core import copies, processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux copies processes")


def outcome(work: Callable[[], object]) -> object:
    with copies.in_a_copy(work) as result:
        return result()


def test_a_copy_does_the_work_with_what_this_process_has() -> None:
    here = object()
    pid, knows = outcome(lambda: (os.getpid(), here is not None))
    assert pid != os.getpid()
    assert knows


@pytest.mark.parametrize("end", [
    lambda: os._exit(0), lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: sys.exit(3)])
def test_a_copy_that_ends_leaves_the_work_to_this_process(end: Callable[[], None]) -> None:
    here = os.getpid()
    assert outcome(lambda: here if os.getpid() == here else end()) == here


def test_what_the_work_raises_is_raised_here(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        outcome(lambda: 1 / 0)
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_handed_over_is_made_here() -> None:
    made = outcome(lambda: [os.getpid(), lambda: None])
    assert isinstance(made, list)
    assert made[0] == os.getpid()


def test_without_room_for_a_process_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", full)
    assert outcome(os.getpid) == os.getpid()


def test_a_copy_ends_with_the_block(tmp_path: Path) -> None:
    begun = tmp_path / "begun"

    def work() -> None:
        begun.write_text(str(os.getpid()))
        time.sleep(600)

    with copies.in_a_copy(work):
        while not (begun.exists() and begun.read_text()):
            time.sleep(0.01)
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)


def test_only_a_command_with_a_second_processor_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_commands", [])
    monkeypatch.setattr(processes, "cores", lambda: 2)
    assert not copies.can_copy()
    copies.is_a_command()
    assert copies.can_copy()
    assert not outcome(copies.can_copy)
    monkeypatch.setattr(processes, "cores", lambda: 1)
    assert not copies.can_copy()
