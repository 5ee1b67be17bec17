from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Audio
from evalkit.systems.command import CommandEnhancer, CommandRecognizer

HALVE = """
import sys, soundfile
samples, rate = soundfile.read(sys.argv[1])
soundfile.write(sys.argv[2].removeprefix("--out="), samples / 2, rate)
"""


@pytest.fixture
def script(tmp_path: Path):
    """Writes a Python program into a folder whose name has a space; returns how to call it."""
    def write(code: str) -> list[str]:
        path = tmp_path / "my tools" / "tool.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
        return [sys.executable, str(path)]
    return write


def enhancer(call: list[str], **options) -> CommandEnhancer:
    return create("enhancers", "command", {"run": [*call, "{input}", "{output}"], **options})


def hear(call: list[str], audio: Audio, **options) -> str:
    recognizer = create("recognizers", "command", {"run": [*call, "{input}"], **options})
    return recognizer.transcribe([audio])[0].text


def failure(function, *arguments, **options) -> UtteranceError:
    with pytest.raises(UtteranceError) as caught:
        function(*arguments, **options)
    return caught.value


def test_a_program_enhances(script, voice: Audio) -> None:
    made = enhancer(script(HALVE)).enhance([voice])[0]
    assert made.rate == voice.rate
    assert np.abs(made.samples - voice.samples / 2).max() < 1 / 32768


def test_a_command_line_is_split_as_a_shell_would(script, voice: Audio) -> None:
    python, path = script(HALVE)
    line = f"{python} '{path}' {{input}} --out={{output}}"
    made = CommandEnhancer(line).enhance([voice])[0]
    assert len(made.samples) == len(voice.samples)


def test_no_shell_is_involved(script, voice: Audio, tmp_path: Path) -> None:
    print_arguments = "import sys; print(*sys.argv[1:-1])"
    line = [*script(print_arguments), f"$HOME; touch {tmp_path}/oops", "*", "`id`"]
    assert hear(line, voice) == f"$HOME; touch {tmp_path}/oops * `id`"
    assert not (tmp_path / "oops").exists()


@pytest.mark.parametrize("length", [10_000, 16_000, 20_000])
def test_output_is_fitted_to_the_input_and_its_delay(script, voice: Audio, length: int) -> None:
    call = script(f"""
import sys, numpy, soundfile
soundfile.write(sys.argv[2], numpy.full({length}, 0.25), 16_000)
""")
    made = enhancer(call, delay_ms=10).enhance([voice])[0]
    assert len(made.samples) == 16_160
    assert np.count_nonzero(made.samples) == min(length, 16_160)


def test_failures_say_how_the_program_ended(script, voice: Audio) -> None:
    error = failure(hear, script("import sys; sys.exit('first\\n\\nno such model: x\\n')"), voice)
    assert str(error) == "CommandFailed: exit code 1: no such model: x"
    error = failure(hear, script("import os; os.kill(os.getpid(), 11)"), voice)
    assert str(error) == "CommandFailed: killed by signal 11: it said nothing"


def test_failures_are_the_same_every_time(script, voice: Audio) -> None:
    """Errors go into tables, and the temporary folder is never twice the same."""
    call = script("import sys; sys.exit('cannot use ' + sys.argv[1])")
    assert failure(hear, call, voice).reason == "exit code 1: cannot use …/input.wav"
    call = script("import sys; open(sys.argv[2], 'w').write('not a recording')")
    error = failure(enhancer(call).enhance, [voice])
    assert error.kind == "CorruptAudio"
    assert error.reason.startswith("…/output.wav: ")


def test_a_program_that_writes_nothing_has_failed(script, voice: Audio) -> None:
    error = failure(enhancer(script("")).enhance, [voice])
    assert str(error) == "CommandFailed: it wrote no {output}"


def test_another_sampling_rate_is_refused(script, voice: Audio) -> None:
    call = script("import sys, soundfile; "
                  "soundfile.write(sys.argv[2], soundfile.read(sys.argv[1])[0], 8_000)")
    error = failure(enhancer(call).enhance, [voice])
    assert str(error) == "WrongRate: given 16000 Hz, the command wrote 8000 Hz"


def test_a_hanging_program_is_killed_with_its_children(script, voice: Audio,
                                                       tmp_path: Path) -> None:
    call = script(f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(tmp_path / "child")!r}, "w").write(str(child.pid))
time.sleep(60)
""")
    error = failure(hear, call, voice, timeout_s=1.0)
    assert str(error) == "CommandTimeout: not done after 1 s"
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if not runs(child):
            return
        time.sleep(0.05)
    pytest.fail("the program's child outlived it")


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat")
        return not state.exists() or state.read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def test_a_program_transcribes(script, voice: Audio) -> None:
    call = script("import sys, soundfile; print(' turn\\n on ', soundfile.info(sys.argv[1])"
                  ".samplerate, '\\u00e9', file=open(1, 'w', encoding='utf-8'))")
    assert hear(call, voice) == "turn on 16000 é"


def test_a_transcript_must_be_utf8(script, voice: Audio) -> None:
    error = failure(hear, script("import os; os.write(1, b'caf\\xe9')"), voice)
    assert error.kind == "BadText"


def test_much_output_blocks_nothing(script, voice: Audio) -> None:
    call = script("import sys; sys.stderr.write('x' * 10**6); print('on ' * 10**5)")
    assert len(hear(call, voice).split()) == 10**5


@pytest.mark.parametrize(("options", "message"), [
    ({"run": "no-such-program-here {input} {output}"}, "no such program; install it"),
    ({"run": "cat {input}"}, "does not say where {output} goes"),
    ({"run": ""}, "does not say where {input} goes"),
    ({"run": "cat '{input} {output}"}, "No closing quotation"),
    ({"run": "cp {input} {output}", "timeout_s": 0}, "timeout_s must be positive, not 0"),
    ({"run": "cp {input} {output}", "delay_ms": -1}, "delay_ms must not be negative"),
    ({}, "run")])
def test_mistakes_are_named_before_the_run(options: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        create("enhancers", "command", options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_identity_follows_the_program_and_its_options(script) -> None:
    call = script(HALVE)
    before = {enhancer(call).identity, enhancer(call, delay_ms=1).identity,
              enhancer(call, rate=8_000).identity}
    assert len(before) == 3
    script(HALVE + "# changed")
    assert enhancer(call).identity not in before
    assert CommandRecognizer("cat {input}").identity == CommandRecognizer("cat {input}").identity
