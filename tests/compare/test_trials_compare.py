"""Gates on speaker verification."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from evalkit.compare.baseline import freeze, write_baseline
from evalkit.compare.comparison import compare
from evalkit.compare.gates import Gate, Gates
from evalkit.statistics.detection import sorted_trials, speaker_values
from evalkit.store.documents.comparison import Comparison
from evalkit.store.runfolder import RunFolder
from evalkit.store.sealed import write_table
from evalkit.store.trials import FACTS, SCHEMA, equal_error_rate
from tests.compare.test_cli_compare import score
from tests.worlds import reseal

GATES = Gates(gates=[Gate(metric="eer"), Gate(metric="eer", scope="every accent")])


def with_trials(run: Path, out: Path, noise: tuple[float, float], *, left_out: int = 0) -> Path:
    """The run with every pair of the first two utterances of 80 speakers, as an encoder with
    ``noise`` in the south and in the north gives them."""
    shutil.copytree(run, out)
    people = RunFolder(run).utterances()
    people = people[people["utterance_id"].str.extract(r"u(\d+)")[0].astype(int).values < 160]
    people = people.sort_values("utterance_id").reset_index(drop=True)
    shared, own = np.random.default_rng(7), np.random.default_rng(8)
    speakers, code = np.unique(people["speaker_id"], return_inverse=True)
    south = people["accent"].str.startswith("south").to_numpy()
    voice = shared.standard_normal((len(speakers), 24))[code]
    voice += 0.9 * shared.standard_normal(voice.shape)
    voice += np.where(south, *noise)[:, None] * own.standard_normal(voice.shape)
    voice /= np.linalg.norm(voice, axis=1, keepdims=True)
    i, j = np.triu_indices(len(people), 1)
    rows = pd.DataFrame({
        "pipeline": "asr", "condition": "given", "enroll_id": people["utterance_id"].values[i],
        "test_id": people["utterance_id"].values[j], "label": code[i] == code[j],
        "score": (voice[i] * voice[j]).sum(axis=1)})
    rows.loc[:left_out - 1, "score"] = np.nan
    write_table(out / "trials.parquet", pa.Table.from_pandas(rows, SCHEMA, preserve_index=False))
    info = json.loads((out / "run.json").read_text())
    info["metrics"] |= {name: asdict(fact) for name, fact in FACTS.items()}
    info["trials"] = {"rule": "every pair of utterances", "targets": 80, "nontargets": 12640}
    (out / "run.json").write_text(json.dumps(info))
    reseal(out)
    return out


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("trials")
    run = score(folder, "run", 0.12, 0.12)
    return {name: with_trials(run, folder / name, noise, left_out=left_out)
            for name, noise, left_out in (("base", (0.3, 0.3), 0), ("worse", (1.2, 0.3), 0),
                                          ("failing", (0.3, 0.3), 5))}


def statuses(found: Comparison) -> list[str]:
    return [check.status for result in found.gates for check in result.checks]


def test_a_group_that_is_recognised_worse_is_found(runs: dict[str, Path], tmp_path: Path) -> None:
    found = compare(runs["base"], runs["worse"], GATES)
    assert statuses(found) == ["failed", "passed", "failed"], found.gates
    change = found.gates[0].checks[0]
    for value, name in ((change.base, "base"), (change.candidate, "worse")):
        trials = RunFolder(runs[name]).trials()
        assert value == pytest.approx(equal_error_rate(trials["score"], trials["label"]).value)
    back = compare(runs["worse"], runs["base"], GATES)
    assert back.exit_code == 0 and back.gates[0].checks[0].verdict == "better"
    write_baseline(freeze(RunFolder(runs["base"])), tmp_path / "b.json.gz")
    frozen = compare(tmp_path / "b.json.gz", runs["worse"], GATES)
    assert statuses(frozen) == statuses(found)
    assert frozen.gates[0].checks[0] == change


def test_an_encoder_against_itself_passes(runs: dict[str, Path]) -> None:
    assert compare(runs["base"], runs["base"], GATES).exit_code == 0


def test_other_trials_are_incomplete(runs: dict[str, Path]) -> None:
    found = compare(runs["base"], runs["failing"], GATES)
    assert found.exit_code == 2
    assert "asr, given, eer: not the same trials" in found.problems[0]
    assert set(statuses(found)) == {"not judged"}


def test_values_of_speakers_are_those_of_the_jackknife(runs: dict[str, Path]) -> None:
    run = RunFolder(runs["base"])
    trials, people = run.trials(), run.utterances()
    names = dict(zip(people["utterance_id"], people["speaker_id"], strict=True))
    sides = [trials[c].map(names) for c in ("enroll_id", "test_id")]
    values = speaker_values(sorted_trials(trials, names))["eer"]
    whole = equal_error_rate(trials["score"], trials["label"]).value
    without = []
    for speaker in sorted(set(sides[0]) | set(sides[1])):
        kept = trials[(sides[0] != speaker) & (sides[1] != speaker)]
        without.append(equal_error_rate(kept["score"], kept["label"]).value)
    n = len(without)
    jackknife = (n - 1) / n * np.sum((np.array(without) - np.mean(without)) ** 2)
    assert values.mean() == pytest.approx(whole)
    assert values.var(ddof=1) / n == pytest.approx(jackknife)
