"""What the students of the sweep learn from, and where they start."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.smaller import students
from benchmarks.smaller.sweep import WEIGHTS, Training, read_sweep
from evalkit.core.errors import ConfigError
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.training import TransducerTraining


def recipe(name: str, out: Path, monkeypatch: pytest.MonkeyPatch) -> TransducerTraining:
    """Of this arm of the sweep; nothing is trained."""
    asked: list[TransducerTraining] = []

    def trained(training: Training, config: TransducerTraining) -> tuple[None, list[float]]:
        asked.append(config)
        return None, []

    for function, found in (("trained", trained), ("heard_of", lambda *_: {}),
                            ("taken_by", lambda _: {})):
        monkeypatch.setattr(students, function, found)
    options = read_sweep().of(name).options
    students.student(Training(out / "corpora", out / f"{name}_3", 3, options))
    return asked[0]


def test_students_go_on_from_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                              ) -> None:
    with pytest.raises(ConfigError, match="train the arm student first"):
        recipe("student_alone", tmp_path, monkeypatch)
    first = recipe("student", tmp_path, monkeypatch)
    assert (first.network, first.start, first.further) == (students.NETWORK, None, ())
    weights = tmp_path / "student_3" / WEIGHTS
    weights.parent.mkdir()
    Transducer(students.NETWORK).save(weights)
    alone, taught = (recipe(f"student_{name}", tmp_path, monkeypatch)
                     for name in ("alone", "taught"))
    assert alone.start == taught.start == weights
    assert [path.name for path in taught.further] == ["taught.jsonl"] * 2 + ["train.jsonl"]
    assert alone.further == ()
    same = {"epochs", "further"}
    assert alone.model_dump(exclude=same) == taught.model_dump(exclude=same)
    labelled, others = 2_415, 10_000
    updates = [alone.epochs * -(-labelled // 8), taught.epochs * -(-(2 * labelled + others) // 8)]
    assert updates == [3_926, 3_708]  # the one without a teacher has no fewer
