"""`evalkit mitigate` as a user meets it."""

from __future__ import annotations

from tests.conftest import evalkit
from tests.mitigation.recognition.tones import corpus

YAML = """\
recognition:
  tones:
    general: general.jsonl
    dev: dev.jsonl
    test: test.jsonl
    model: {name: reference, weights: start.safetensors}
    cohorts: {name: declared, columns: [accent], intersections: false}
    arms: [plain, {name: ewc, strengths: [0.1]}]
    seeds: [0]
    schedule: {steps: 2, batch: 2}
    fisher_utterances: 2
    draws: 50
"""


def test_arms_are_shown_as_they_go_and_a_table_at_the_end(tmp_path):
    corpus(tmp_path)
    (tmp_path / "mitigate.yaml").write_text(YAML, encoding="utf-8")
    command = ("mitigate", "mitigate.yaml", "--out", "run", "-j", 0)
    first = evalkit(*command, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "tones: 3/3 ewc 0.1, seed 0: 2 steps" in first.stderr and "s left" in first.stderr
    assert [line.split()[0] for line in first.stdout.splitlines()[1:5]] == [
        "arm", "none", "plain", "ewc"]
    assert (tmp_path / "run" / "mitigation" / "tones" / "results.json").is_file()
    again = evalkit(*command, cwd=tmp_path)
    assert "0 trials to do, 3 done before" in again.stderr
    assert again.stdout == first.stdout
