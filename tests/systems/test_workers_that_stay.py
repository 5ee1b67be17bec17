"""A program that stays: asked in batches, started anew where it dies, never believed unseen."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.core.clock import clock, since
from evalkit.core.errors import ConfigError, SystemLostError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Audio, Hypothesis, Word
from evalkit.run.runner import Work, run
from evalkit.systems import conversation
from tests.run.runs import config

HEAD = """
import json, os, sys, time, wave
print("a line of the log", file=sys.stderr)
open({log!r}, "a").write("started\\n")
def length(asked):
    with wave.open(asked["audio"]) as file:
        return file.getnframes()
def answer(asked, **values):
    print(json.dumps({{"id": asked["id"], **values}}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    n = length(asked)
    open({log!r}, "a").write(f"{{n}} {{asked['more']}}\\n")
    noise = n == 8_000
"""
HEARS = "answer(asked, text=f'heard {n}')"


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], list[str]]:
    """How to call a program that does ``code`` for each line: ``asked``, a recording of ``n``
    samples, which is ``noise`` where the program is tried."""
    def program(code: str) -> list[str]:
        head = HEAD.format(log=str(tmp_path / "log"))
        (tmp_path / "tool.py").write_text(head + textwrap.indent(textwrap.dedent(code), "    "))
        return [sys.executable, "-S", str(tmp_path / "tool.py")]
    return program


def log(folder: Path) -> list[str]:
    return (folder / "log").read_text().splitlines()


def audio(*lengths: int) -> list[Audio]:
    return [Audio(np.full(n, 0.1, np.float32), 16_000) for n in lengths]


def recognizer(call: Sequence[str], **options: Any) -> Any:
    return create("recognizers", "worker", {"run": call, "batch": 8, "timeout_s": 20} | options)


def said(results: Sequence[Hypothesis | UtteranceError]) -> list[str]:
    return [result.text if isinstance(result, Hypothesis) else str(result) for result in results]


def test_it_is_started_once_and_asked_in_batches(program: Callable, tmp_path: Path) -> None:
    worker = recognizer(program(HEARS))
    for _ in range(2):
        assert said(worker.transcribe(audio(1, 2, 3))) == ["heard 1", "heard 2", "heard 3"]
    assert log(tmp_path) == ["started", "8000 0", *["1 2", "2 1", "3 0"] * 2]


def test_answers_come_in_any_order(program: Callable) -> None:
    worker = recognizer(program("""
        held = globals().setdefault("held", [])
        held.append((asked, n))
        if asked["more"] == 0:
            while held:
                before, m = held.pop()
                answer(before, text=f"heard {m}")
        """))
    assert said(worker.transcribe(audio(5, 6, 7))) == ["heard 5", "heard 6", "heard 7"]


def test_what_it_died_of_has_failed_and_nothing_else(program: Callable, tmp_path: Path) -> None:
    """One that kills it in a batch, of which some are answered before, some after."""
    worker = recognizer(program(f"if n == 3: sys.exit('no such sound')\n{HEARS}"))
    assert said(worker.transcribe(audio(1, 2, 3, 4))) == [
        "heard 1", "heard 2", "ProgramDied: exit code 1: no such sound", "heard 4"]
    assert log(tmp_path).count("started") == 3
    assert said(worker.transcribe(audio(5))) == ["heard 5"]


def test_a_death_by_chance_costs_nothing(program: Callable, tmp_path: Path) -> None:
    once = f"if n == 2 and not os.path.exists({str(tmp_path / 'once')!r}):\n"
    worker = recognizer(program(f"{once}    open({str(tmp_path / 'once')!r}, 'w')\n"
                                f"    os.kill(os.getpid(), 9)\n{HEARS}"), batch=1)
    assert said(worker.transcribe(audio(2))) == ["heard 2"]


def test_what_takes_too_long_has_failed_alone(program: Callable) -> None:
    worker = recognizer(program(f"if n == 2: time.sleep(60)\n{HEARS}"), timeout_s=1)
    assert said(worker.transcribe(audio(1, 2, 3))) == [
        "heard 1", "ProgramTimeout: not answered after 1 s", "heard 3"]


@pytest.mark.parametrize(("code", "error"), [
    ("print('turn on', flush=True)", "BadAnswer: it printed 'turn on', which is no JSON object"),
    ("print('[1]', flush=True)", "BadAnswer: it printed '[1]', which is no JSON object"),
    ("print('[' * 100_000, flush=True)", "BadAnswer: it printed '[[[["),
    ("os.write(1, b'\\xff\\n')", "BadAnswer: it printed"),
    ("answer({'id': 'x'}, text='on')", "BadAnswer: it answered"),
    ("answer({'id': [1]}, text='on')", "BadAnswer: it answered"),
    ("answer({'id': '0'}, text='on')", "BadAnswer: it answered"),
    ("answer(asked)", "BadAnswer: its answer has no text 'text'"),
    ("answer(asked, text=1)", "BadAnswer: its answer has no text 'text'"),
    ("answer(asked, text='on', words=3)", "BadAnswer: 'words' of its answer must be a list"),
    ("answer(asked, text='on', words=[{'word': 'on', 'start': 'now'}])", "BadAnswer: 'start'"),
    ("answer(asked, text='on', confidence=True)", "BadAnswer: 'confidence'"),
    ("answer(asked, error='no\\nspeech')", "ProgramError: no speech"),
    ("os.close(1); time.sleep(60)", "ProgramDied: it closed its standard output"),
    ("[os.write(1, b'x' * 10**6) for _ in range(10)]", "TooMuchOutput: a line of its answer"),
    ("answer(asked, error='cannot read ' + asked['audio'])", "ProgramError: cannot read …/")])
def test_what_is_no_answer_costs_its_utterance(program: Callable, code: str, error: str,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "LONGEST_LINE", 1 << 20)
    worker = recognizer(program(f"if n == 2: {code}\nelse: {HEARS}"))
    before, found, after = said(worker.transcribe(audio(1, 2, 3)))
    assert (before, after) == ("heard 1", "heard 3")
    assert found.startswith(error) and "\n" not in found and len(found) < 400


def test_complaints_without_end_block_nothing(program: Callable) -> None:
    worker = recognizer(program(f"sys.stderr.write('no ' * 10**6)\n{HEARS}"))
    assert said(worker.transcribe(audio(1, 2))) == ["heard 1", "heard 2"]


def test_words_confidence_and_alternatives_are_kept(program: Callable) -> None:
    worker = recognizer(program("""
        answer(asked, text=" turn  on", confidence=-1.5, more="ignored",
               words=[{"word": "turn", "start": 0, "end": 0.25, "confidence": 0.5},
                      {"word": "on"}],
               alternatives=[{"text": "turn off", "confidence": -2}])
        """))
    assert worker.transcribe(audio(1)) == [Hypothesis(
        "turn on", (Word("turn", 0, 0.25, 0.5), Word("on")), -1.5,
        (Hypothesis("turn off", confidence=-2),))]


@pytest.mark.parametrize(("code", "why"), [
    ("sys.exit('no module named x')", "ProgramDied: exit code 1: no module named x"),
    ("print('Loading …', flush=True)", "BadAnswer: it printed 'Loading"),
    ("time.sleep(60)", "ProgramTimeout: not answered after 1 s")])
def test_a_program_that_does_not_begin_ends_the_run(program: Callable, tmp_path: Path, code: str,
                                                    why: str) -> None:
    worker = recognizer(program(code), loading_s=1 if "sleep" in code else 60)
    with pytest.raises(SystemLostError) as caught:
        worker.transcribe(audio(1))
    assert why in str(caught.value) and "\n" not in str(caught.value)
    assert log(tmp_path).count("started") == 1


def test_restarts_are_bounded(program: Callable, tmp_path: Path) -> None:
    worker = recognizer(program(f"if not noise: sys.exit('broken')\n{HEARS}"), batch=1, restarts=5)
    with pytest.raises(SystemLostError, match="started anew 5 times without an answer"):
        for _ in range(10):
            assert "broken" in said(worker.transcribe(audio(1)))[0]
    assert log(tmp_path).count("started") == 5


def test_an_encoder(program: Callable) -> None:
    call = program("answer(asked, embedding=[3, 4.0] if n < 5 else [[1], 2] if n == 5 else "
                   "[10**400] if n == 6 else [float('nan')] if n == 7 else [0, 0])")
    worker = create("encoders", "worker", {"run": call, "batch": 8})
    good, *bad = worker.embed(audio(1, 5, 6, 7, 9))
    assert good.tolist() == [np.float32(0.6), np.float32(0.8)] and good.dtype == np.float32
    assert [each.kind for each in bad] == ["BadAnswer", "BadAnswer", "BadEmbedding",
                                           "BadEmbedding"]


def test_an_enhancer(program: Callable, voice: Audio) -> None:
    call = program("""
        import shutil
        if n == 3: os.symlink("/dev/zero", asked["output"])
        elif n != 4: shutil.copy(asked["audio"], asked["output"])
        answer(asked, **({"error": "too odd"} if n == 5 else {}))
        """)
    worker = create("enhancers", "worker", {"run": call, "batch": 4, "delay_ms": 1, "weights": 7})
    one, *bad, other = worker.enhance([voice, *audio(3, 4, 5), voice])
    assert len(one.samples) == len(voice.samples) + 16
    assert np.abs(one.samples[:-16] - voice.samples).max() < 1 / 32768
    assert np.array_equal(one.samples, other.samples)
    assert list(map(str, bad)) == [
        "CommandFailed: what it made as {output} is no regular file; it must write a WAV file "
        "there", "CommandFailed: it wrote no {output}", "ProgramError: too odd"]
    assert (worker.delay, worker.cost.weights) == (0.001, 7)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells of processes")
def test_its_processors_are_counted_and_its_start_is_not(program: Callable) -> None:
    """It burns 0.4 s when it starts and 0.2 s for an utterance."""
    burn = "end = time.process_time() + {}\nwhile time.process_time() < end: pass\n"
    worker = recognizer(program(f"if noise: \n{textwrap.indent(burn.format(0.4), '    ')}"
                                f"else:\n{textwrap.indent(burn.format(0.2), '    ')}{HEARS}"))
    started = clock()
    worker.transcribe(audio(1))
    assert 0.15 < since(started).processor < 0.35


def test_it_ends_with_evalkit(program: Callable, tmp_path: Path) -> None:
    worker = recognizer(program("answer(asked, text=str(os.getpid()))"))
    (number,) = said(worker.transcribe(audio(1)))
    assert Path(f"/proc/{number}").exists() or sys.platform != "linux"
    del worker
    for _ in range(100):
        try:
            os.kill(int(number), 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("it outlived the recognizer")


@pytest.mark.parametrize(("options", "message"), [
    ({"run": "no-such-program-here"}, "no such program; install it"),
    ({"run": ""}, "names no program"), ({"run": "cat", "timeout_s": 0}, "timeout_s must be"),
    ({"run": "cat", "loading_s": -1}, "loading_s must be"), ({}, "run"),
    ({"run": "cat", "restarts": 0}, "restarts must be a number from 1")])
def test_mistakes_are_named_before_the_run(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create("recognizers", "worker", options)


def test_the_identity_follows_the_program(program: Callable) -> None:
    call = program(HEARS)
    before = recognizer(call).identity
    assert before == recognizer(call, restarts=3).identity != recognizer(call, rate=8_000).identity
    assert recognizer(program(f"{HEARS}  # changed")).identity != before


def test_a_run_keeps_what_it_says(program: Callable, tiny_corpus: Path, tmp_path: Path) -> None:
    """Of a batch of three the second has an error, which is its own: nothing is asked twice."""
    call = program("""
        answer(asked, text="on", confidence=n / 10, words=[
            {"word": "on", "start": 0.5, "end": n / 16_000}], **(
            {"error": "no speech"} if asked["more"] == 1 else {}))
        """)
    folder = run(config(tiny_corpus, metrics=["wer"], conditions=["clean"], shard_size=12,
                        batch_check=0, pipelines=[{"name": "mine", "recognizer": {
                            "name": "worker", "run": call, "batch": 3}}]), tmp_path / "run")
    outputs = folder.outputs()
    failed = outputs["error"].notna()
    assert (len(outputs), failed.sum()) == (12, 4)
    assert set(outputs["error"][failed]) == {"ProgramError: no speech"}
    assert outputs["confidence"][~failed].between(1, 10_000).all()
    for row in outputs[~failed].itertuples():
        (word,) = row.words
        assert word["start"] == 0.5 and abs(word["end"] - row.seconds) < 1e-3
    assert outputs["alternatives"].isna().all() and outputs["words"][failed].isna().all()
    tried_and_warm = 2
    assert len(log(tmp_path)) == 1 + tried_and_warm + 12


def test_a_run_ends_where_the_program_does_not_begin(program: Callable, tiny_corpus: Path,
                                                     tmp_path: Path) -> None:
    call = program("sys.exit('no weights')")
    with pytest.raises(SystemLostError, match="no weights"):
        run(config(tiny_corpus, metrics=["wer"], conditions=["clean"], pipelines=[
            {"name": "mine", "recognizer": {"name": "worker", "run": call}}]), tmp_path / "run",
            Work(workers=1))
