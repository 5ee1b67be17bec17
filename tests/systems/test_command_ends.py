"""What a command has started ends with it, whatever it does, and it with evalkit; what it writes
is bounded, and only a file is read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio
from evalkit.systems import command
from evalkit.systems.command import CommandEnhancer, CommandRecognizer

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="processes are adopted on Linux alone")
CHILD = "import os, time; open({path!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(60)"


@pytest.fixture
def voice() -> Audio:
    return Audio(np.full(1600, 0.1, np.float32), 16_000)


@pytest.fixture
def hear(tmp_path: Path, voice: Audio) -> Callable[..., str]:
    """What a Python program prints. Its ``child`` starts a process that sleeps and writes its
    number into the file "children"."""
    def hear(code: str, timeout: float = 20.0) -> str:
        child = CHILD.format(path=str(tmp_path / "children"))
        head = textwrap.dedent(f"""
            import os, signal, subprocess, sys, time
            CHILDREN = {str(tmp_path / "children")!r}
            def child(n=1, **how):
                subprocess.Popen([sys.executable, "-S", "-c", {child!r}], **how)
                while not os.path.exists(CHILDREN) or len(open(CHILDREN).readlines()) < n:
                    time.sleep(0.01)
            """)
        (tmp_path / "tool.py").write_text(head + textwrap.dedent(code))
        run = [sys.executable, "-S", str(tmp_path / "tool.py"), "{input}"]
        return CommandRecognizer(run, timeout_s=timeout).transcribe([voice])[0].text
    return hear


def failure(function: Callable[..., object], *values: object) -> str:
    with pytest.raises(UtteranceError) as caught:
        function(*values)
    return str(caught.value)


def all_ended(path: Path, n: int) -> bool:
    """Whether the ``n`` processes that wrote their numbers into ``path`` are gone."""
    numbers = [int(line) for line in path.read_text().split()]
    return len(numbers) == n and not any(map(runs, numbers))


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("how", "code"), [
    ("", ""), ("", "sys.exit(3)"), ("", "os.kill(os.getpid(), 9)"), ("", "time.sleep(60)"),
    ("", "os.abort()"),
    pytest.param("start_new_session=True", "", marks=LINUX),
    pytest.param("start_new_session=True", "sys.exit(3)", marks=LINUX),
    pytest.param("start_new_session=True", "time.sleep(60)", marks=LINUX),
    ("stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0", "")])
def test_a_child_ends_with_its_command(hear: Callable[..., str], tmp_path: Path, how: str,
                                       code: str) -> None:
    program = f"child({how})\nprint('on', flush=True)\n{code}"
    if code:
        said = failure(hear, program, 2.0)
        assert said.startswith("CommandTimeout" if "sleep" in code else "CommandFailed")
    else:
        assert hear(program) == "on"
    assert all_ended(tmp_path / "children", 1)


@LINUX
def test_a_daemon_ends_with_its_command(hear: Callable[..., str], tmp_path: Path) -> None:
    """Forked twice, in a session of its own, deaf to what it can be deaf to; and its child."""
    assert hear("""
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
                child(1)
                child(2, start_new_session=True)
                time.sleep(60)
            os._exit(0)
        while not os.path.exists(CHILDREN) or len(open(CHILDREN).readlines()) < 2:
            time.sleep(0.01)
        print("on")
        """) == "on"
    assert all_ended(tmp_path / "children", 2)


def test_a_command_that_does_not_listen_is_ended(hear: Callable[..., str], tmp_path: Path) -> None:
    started = time.monotonic()
    assert failure(hear, """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        child()
        time.sleep(60)
        """, 1.0) == "CommandTimeout: not done after 1 s"
    assert time.monotonic() - started < 5
    assert all_ended(tmp_path / "children", 1)


@LINUX
def test_a_command_ends_with_the_process_that_runs_it(tmp_path: Path) -> None:
    """Which is killed, so that it can do nothing for it; the command has children of its own."""
    path, child = tmp_path / "children", CHILD.format(path=str(tmp_path / "children"))
    (tmp_path / "tool.py").write_text(textwrap.dedent(f"""
        import subprocess, sys
        for apart in (False, True):
            subprocess.Popen([sys.executable, "-S", "-c", {child!r}], start_new_session=apart)
        {child}
        """))
    run = [sys.executable, "-S", str(tmp_path / "tool.py"), "{input}"]
    user = subprocess.Popen([sys.executable, "-c", textwrap.dedent(f"""
        import numpy
        from evalkit.core.types import Audio
        from evalkit.systems.command import CommandRecognizer
        audio = Audio(numpy.zeros(1600, numpy.float32), 16_000)
        CommandRecognizer({run!r}).transcribe([audio])
        """)])
    deadline = time.monotonic() + 30
    while not path.exists() or len(path.read_text().split()) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    user.send_signal(signal.SIGKILL)
    user.wait()
    deadline = time.monotonic() + 5
    while not all_ended(path, 3):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(("code", "reason"), [
    ("while True: print('on ' * 10_000)", "it wrote more than 1 MiB to stdout"),
    ("print('on ' * 500_000)", "it wrote more than 1 MiB to stdout"),
    ("while True: sys.stderr.write('warning\\n' * 10_000)", "it wrote more than 2 MiB to stderr"),
    ("os.truncate(sys.argv[1][:-9] + 'stdout', 10**10)", "it wrote more than 1 MiB to stdout")])
def test_what_it_prints_is_bounded(hear: Callable[..., str], monkeypatch: pytest.MonkeyPatch,
                                   code: str, reason: str) -> None:
    monkeypatch.setattr(command, "LONGEST_FILE", 2 << 20)
    assert failure(hear, code) == f"TooMuchOutput: {reason}"


def test_it_is_given_nothing_to_read(hear: Callable[..., str]) -> None:
    assert hear("print(repr(sys.stdin.read()))") == "''"


def test_signals_are_as_in_any_program(hear: Callable[..., str]) -> None:
    assert hear("print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, subprocess.run("
                "'yes | head -1', shell=True, capture_output=True).stderr)") == "True b''"


def test_a_file_that_is_no_program_is_said(voice: Audio, tmp_path: Path) -> None:
    path = tmp_path / "tool"
    path.write_bytes(b"\x7fELF nonsense")
    path.chmod(0o755)
    said = failure(CommandRecognizer([str(path), "{input}"]).transcribe, [voice])
    assert said.startswith("CommandFailed: exit code 127: …/tool: Exec format error")


@pytest.mark.parametrize("code", [
    "os.mkfifo(out)", "os.mkdir(out)", "os.symlink('/dev/zero', out)", "os.symlink(out, out)",
    "os.symlink(sys.argv[1], out)", "os.symlink('/nowhere', out)",
    "import socket; socket.socket(socket.AF_UNIX).bind(out)"])
def test_only_a_file_is_read(voice: Audio, tmp_path: Path, code: str) -> None:
    run = [sys.executable, "-S", "-c", f"import os, sys; out = sys.argv[2]; {code}", "{input}",
           "{output}"]
    assert failure(CommandEnhancer(run).enhance, [voice]) == (
        "CommandFailed: what it made as {output} is no regular file; it must write a WAV file "
        "there")


def test_the_file_it_makes_is_bounded(voice: Audio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LONGEST_FILE", 2 << 20)
    run = [sys.executable, "-S", "-c", "import os, sys\nfile = open(sys.argv[2], 'wb')\n"
           "while True: file.write(bytes(10**5))", "{input}", "{output}"]
    assert failure(CommandEnhancer(run).enhance, [voice]) == (
        "TooMuchOutput: it wrote more than 2 MiB as output.wav")


def test_a_link_to_a_file_of_another_name_is_a_file(voice: Audio) -> None:
    run = [sys.executable, "-S", "-c", "import os, sys; os.link(*sys.argv[1:])", "{input}",
           "{output}"]
    (made,) = CommandEnhancer(run).enhance([voice])
    assert np.abs(made.samples - voice.samples).max() < 1 / 32768
