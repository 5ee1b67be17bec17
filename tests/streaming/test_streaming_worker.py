"""A program that is told an utterance piece by piece, and never believed unseen."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import SystemLostError
from evalkit.core.types import Audio
from evalkit.run.runner import run
from evalkit.run.streamed_recognizer import StreamedRecognizer
from evalkit.store.events import EVENTS_TABLE
from evalkit.systems.worker import WorkerRecognizer
from tests.run.runs import config
from tests.streaming.logs import spoken

PROGRAM = """
import base64, json, struct, sys
def answer(**values):
    print(json.dumps({{"id": asked["id"], **values}}), flush=True)
last, heard = None, 0
for line in sys.stdin:
    asked = json.loads(line)
    if asked["id"] != last:
        last, heard, loudest = asked["id"], 0, 0
    if asked.get("end"):
        answer(text=f"heard {{heard}} up to {{loudest}}", words=[{{"word": "heard", "end": 0.5}}])
        continue
    pcm = base64.b64decode(asked["pcm"])
    samples = struct.unpack(f"<{{len(pcm) // 2}}h", pcm)
    heard, loudest = heard + len(samples), max(loudest, *map(abs, samples))
    {code}
"""
SHOWS = 'answer(shown=[{"text": f"heard {heard}", "kind": "speculative"}])'


def worker(folder: Path, code: str = SHOWS, **options: float) -> WorkerRecognizer:
    (folder / "tool.py").write_text(PROGRAM.format(code=code))
    return WorkerRecognizer(run=[sys.executable, "-S", str(folder / "tool.py")], **options)  # type: ignore[arg-type]


def speech(n: int) -> Audio:
    return Audio(np.full(n, 0.25, np.float32), 16_000)


def test_it_hears_all_and_what_it_shows_is_taken(tmp_path: Path) -> None:
    streamed = StreamedRecognizer(worker(tmp_path), 0.1, None)
    for _ in range(2):
        (heard,) = streamed.transcribe([speech(4_000)])
        assert [(e.audio, e.text, e.kind) for e in heard.events] == [
            (0.1, "heard 1600", "speculative"), (0.2, "heard 3200", "speculative"),
            (0.25, "heard 4000", "speculative"), (0.25, "heard 4000 up to 8192", "final")]
        assert heard.words[0].end == 0.5


@pytest.mark.parametrize(("code", "error"), [
    ('answer(error="no model for it") if heard > 1600 else answer()',
     "ProgramFailed: no model for it"),
    ('print("loud", flush=True) if heard > 1600 else answer()', "BadAnswer: it printed 'loud'"),
    ('sys.exit(3) if heard > 1600 else answer()', "ProgramDied: "),
    ('answer(shown="on")', "BadAnswer: 'shown' of its answer must be a list of objects"),
    ('answer(shown=[{"kind": "final"}])', "BadAnswer: its answer has no text 'text'"),
    ('answer(shown=[{"text": "on", "kind": 7}])', "BadKind: what the recognizer's stream shows")])
def test_what_goes_wrong_costs_the_utterance_alone(code: str, error: str, tmp_path: Path) -> None:
    system = worker(tmp_path, code)
    streamed = StreamedRecognizer(system, 0.1, None)
    with pytest.raises(Exception, match="^" + error.replace("(", r"\(")):
        streamed.transcribe([speech(3_200)])
    if "1600" in code:
        (heard,) = streamed.transcribe([speech(1_600)])
        assert heard.text == "heard 1600 up to 8192"


def test_a_program_that_never_answers_is_lost(tmp_path: Path) -> None:
    died = worker(tmp_path, "sys.exit(1)")
    with pytest.raises(SystemLostError, match="is given pieces of audio and does not answer; Pro"):
        StreamedRecognizer(died, 0.1, None).transcribe([speech(1_600)])
    slow = worker(tmp_path, "import time; time.sleep(60)", loading_s=0.3)
    with pytest.raises(SystemLostError, match="ProgramTimeout"):
        StreamedRecognizer(slow, 0.1, None).transcribe([speech(1_600)])


def test_a_run_streams_it(tmp_path: Path) -> None:
    system = worker(tmp_path)
    tree = config(spoken(tmp_path, (2, 1)), conditions=["clean"], metrics=["revoked_words"],
                  pipelines=[{"name": "live", "recognizer": {"name": "worker", "run": system.run},
                              "stream": 0.5}])
    folder = run(tree, tmp_path / "run")
    assert folder.scores()["error"].isna().all()
    assert set(folder.streamed(EVENTS_TABLE)["kind"]) == {"speculative", "final"}
