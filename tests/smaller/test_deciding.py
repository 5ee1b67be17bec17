"""Arms of encoders that decide, and what is said of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.smaller import decided, deciding
from benchmarks.smaller.deciding import trained
from benchmarks.smaller.sweep import WEIGHTS, Trained, Training
from evalkit.core.errors import ConfigError
from evalkit.core.types import Fact
from evalkit.models.transducer.network import Transducer
from evalkit.statistics.frontier import Asked, frontier_of
from evalkit.statistics.variants import Variants
from evalkit.store.documents.frontier import Taken
from evalkit.store.manifest import write_manifest
from tests.models.test_training import write_corpus


@pytest.fixture(autouse=True)
def _one_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "COUNTED", 1)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With word times of the survey, whose words end long before the audio."""
    folder = tmp_path_factory.mktemp("corpora")
    (folder / "accents").mkdir()
    made = write_corpus(folder / "accents")
    for split, name in (("train", "train"), ("dev", "dev"), ("test", "survey")):
        rows = [json.loads(line) for line in (made / f"{split}.jsonl").read_text().splitlines()]
        write_manifest(made / f"{name}.jsonl", [
            {**row, "words": [[word, 0.12 * n, 0.12 * n + 0.06]
                              for n, word in enumerate(row["text"].split())]} for row in rows[:4]])
    return folder


def arm(corpora: Path, folder: Path, **options: object) -> Trained:
    folder.mkdir(parents=True)
    return trained(Training(corpora, folder, 0, {"epochs": 1, **options}))


def test_an_arm_starts_from_the_shipped_weights(corpora: Path, tmp_path: Path) -> None:
    costs = {}
    for share in (0.0, 1.0):
        made = arm(corpora, tmp_path / f"share_{share}", start="shipped",
                   network={"encoder": "branching", "share": share})
        assert set(made.heard["accents/survey"]) == {f"test{n}" for n in range(4)}
        for speech, blocks, silence, silent in made.details["computed"].values():
            assert (speech, silence) == (share * blocks, share * silent)
            assert blocks > 0 and silent > 15
        costs[share] = made.cost
    assert costs[0.0]["macs_per_second"] < 0.5 * costs[1.0]["macs_per_second"]
    assert costs[0.0]["bytes"] < 0.5 * costs[1.0]["bytes"] < 2_000_000


def test_an_arm_goes_on_from_another(corpora: Path, tmp_path: Path) -> None:
    network = {"encoder": "amortised", "layers": 1, "hidden": 8, "heads": 2, "channels": 8}
    with pytest.raises(ConfigError, match="train the arm dense first"):
        arm(corpora, tmp_path / "early", start="dense", network=network)
    arm(corpora, tmp_path / "dense_0", network={**network, "share": 1.0})
    made = arm(corpora, tmp_path / "learned_0", start="dense", network=network,
               peak_learning_rate=1e-9, objective={"compute": 1.0})
    assert made.details["computed"]["test0"][0] >= 0
    dense, learned = (Transducer.load(tmp_path / name / WEIGHTS)
                      for name in ("dense_0", "learned_0"))
    assert learned.config.share is None
    assert torch.allclose(dense.joint.output.weight, learned.joint.output.weight, atol=1e-6)


YAML = """
seeds: [0]
arms:
  small_large: {by: "m:f", options: {network: {share: 1.0}}}
  small_1: {by: "m:f", options: {objective: {compute: 1.0}}}
  small_2: {by: "m:f", options: {objective: {compute: 2.0}}}
  small_random: {by: "m:f", options: {network: {share: 0.5}}}
  elsewhere_large: {by: "m:f"}
"""


def test_intervals_are_those_of_the_sweeps_table() -> None:
    rng = np.random.default_rng(0)
    words, sides = rng.integers(20, 60, 40), rng.poisson(3.0, (2, 40))
    rows = pd.DataFrame([{
        "pipeline": name, "condition": "clean", "metric": "wer", "utterance_id": f"u{n}",
        "speaker_id": f"s{n:02}", "amount": float(errors[n]), "weight": float(words[n]),
        "error": None} for name, errors in zip("ab", sides, strict=True) for n in range(40)])
    found = frontier_of(Variants(
        rows, rows[["utterance_id", "speaker_id"]].drop_duplicates(), {"wer": Fact("", False, "")},
        {"a": Taken(bytes=2.0), "b": Taken(bytes=1.0)}, {}), Asked(by=[]))
    dear, cheap = (next(each for each in found.variants if each.pipeline == name) for name in "ab")
    one, other = ((errors.astype(float), words.astype(float)) for errors in sides)
    assert cheap.change is not None
    for said, value in ((decided.rate_of(one), dear.value),
                        (decided.rate_of(other, one), cheap.change.change)):
        sign = "+" if value is not dear.value else ""
        assert said == f"{value.value:{sign}.2%} [{value.low:{sign}.2%}, {value.high:{sign}.2%}]"


def test_what_is_said_of_a_family(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decided, "DRAWS", 20)
    rows = [{"id": f"u{n}", "text": "a b c d", "speaker": f"s{n}", "accent": "xy"[n % 2]}
            for n in range(8)]
    (tmp_path / "accents").mkdir()
    (tmp_path / "accents/survey.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sweep.yaml").write_text(YAML)

    def keep(name: str, macs: float, wrong: Mapping[int, str], share: float) -> None:
        arms = decided.read_sweep(tmp_path / "sweep.yaml").of(name).model_dump(mode="json")
        heard = {f"u{n}": wrong.get(n, "a b c d") for n in range(8)}
        computed = {f"u{n}": [10 * share + n % 2, 12.0, 0.0, 5.0] for n in range(8)}
        document = {"arm": arms, "cost": {"macs_per_second": macs},
                    "heard": {"accents/survey": heard}, "details": {"computed": computed}}
        (tmp_path / f"{name}_0.json.gz").write_bytes(gzip.compress(json.dumps(document).encode()))

    keep("small_large", 100e6, {0: ""}, 1.0)  # 4 wrong of 32 words
    keep("small_1", 80e6, {0: ""}, 0.8)
    keep("small_2", 40e6, {0: "", 1: ""}, 0.4)
    keep("small_random", 60e6, dict.fromkeys(range(4), ""), 0.5)
    decided.main([str(tmp_path), str(tmp_path), "small", "large", "2", "--config",
                  str(tmp_path / "sweep.yaml")])
    said = capsys.readouterr().out
    assert "large: 100.0, 0%; 12.50%" in said
    assert "2: 40.0, 60%; 25.00%" in said and "+12.50% [" in said
    assert "the fewer, the more errors: True" in said
    # 3 % of 4 errors are .12 of the 4 that the next has more: 80 - .03 x 40 = 78.8 of 100.
    assert "saved at +3 % relative: 21%" in said
    # At 60 half of both: 6 errors against 16.
    assert "random, less those that decide, at 60.0: +31.25%" in said
    assert "elsewhere" not in said
    assert "  y: 0.0%, +25.0%, 75.0%, +8.3%\n" in said  # of small_1: 9 of 12 blocks, 8 of 12
