"""What the arms of two speakers hear becomes turns, and turns a table."""

from __future__ import annotations

import re
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from benchmarks.smaller import decided, separating
from benchmarks.smaller import table as tables
from benchmarks.smaller.compression import shipped
from benchmarks.smaller.separating import _seglst, turns_anew, turns_of_words
from benchmarks.smaller.sweep import CONFIG, Training
from evalkit.core.errors import ConfigError
from evalkit.core.types import Hypothesis, Shown, Word
from evalkit.models.transducer.encoder import BLOCK
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.stream import Greedy, Hearing
from evalkit.store.manifest import write_manifest


def test_words_that_are_apart_make_turns() -> None:
    words = (Word("turn", 0.0, 0.2), Word("on", 0.3, 0.5), Word("stop", 0.9, 1.2))
    assert [turn[1:] for turn in turns_of_words(Hypothesis("", words))] == [
        (0.0, 0.5, "turn on"), (0.9, 1.2, "stop")]
    assert [*turns_of_words(Hypothesis(""))] == []


def test_a_recognizer_that_is_quiet_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    class Once(Hearing):
        """Says one word in its third block, and never more."""

        def push(self, samples: np.ndarray) -> list[Shown]:
            super().push(samples)
            if self.search.blocks != 3:
                return []
            self.search.said = [(label, 2) for label in self.model.config.encode("stop")]
            return [Shown("stop")]

    monkeypatch.setattr(separating, "Hearing", Once)
    monkeypatch.setattr(Greedy, "hear", lambda self, heard: setattr(
        self, "blocks", self.blocks + 1))
    block = BLOCK / RATE
    found = [*turns_anew(shipped(), np.zeros(20 * BLOCK, np.float32), 5 * block)]
    assert [turn.text for turn in found] == ["stop"] * 3
    assert [round(turn.start / block) for turn in found] == [2, 10, 18]


def test_the_penalty_is_a_setting_of_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                                  ) -> None:
    """So that a training that was stopped does not go on with another."""
    def settings(**options: object) -> dict[str, object]:
        with mock.patch.object(separating, "train_from_scratch", side_effect=StopAsyncIteration
                               ) as train, pytest.raises(StopAsyncIteration):
            separating.trained(Training(tmp_path, tmp_path, 0, options))
        return dict(train.call_args.args[0].settings)

    monkeypatch.setattr(separating, "make", lambda corpora: corpora)
    one = settings(penalty={"late": 2.0})
    assert one["penalty"] == {"late": 2.0, "early": 0.0, "grace": 0.1, "stepwise": 0.3}
    assert one != settings()


def test_what_is_not_there_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]
                                             ) -> None:
    what = re.escape(f"make {tmp_path}`")
    with pytest.raises(ConfigError, match=what):
        tables.table(CONFIG, tmp_path, tmp_path)
    with pytest.raises(ConfigError, match=what):
        separating.table(tmp_path, tmp_path)
    assert not [*tmp_path.iterdir()]
    write_manifest(tmp_path / "accents/survey.jsonl", [{"id": "u", "text": "a"}])
    with pytest.raises(SystemExit, match=r"no arm amortised_all of seed 0 .* there is none"):
        decided.main([str(tmp_path), str(tmp_path), "amortised", "all", "0.4"])


def test_turns_are_segments_of_their_channel() -> None:
    assert [*_seglst({"s": [[1, 0.5, 1.0, "stop"]]})] == [{
        "session_id": "s", "speaker": "channel 1", "start_time": 0.5, "end_time": 1.0,
        "words": "stop"}]
