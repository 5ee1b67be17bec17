"""eval.yaml: short forms, overrides, and errors that name the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.config import read_config
from evalkit.core.errors import ConfigError

GOOD = """
corpus: data/test.jsonl
conditions: [clean, {name: loud, noise: babble, snr_db: 5}]
pipelines:
  - {name: a, enhancer: rnnoise, recognizer: {name: reference, weights: w.safetensors}}
metrics: [wer]
"""


def write(folder: Path, text: str) -> Path:
    (folder / "eval.yaml").write_text(text)
    return folder / "eval.yaml"


def test_short_forms_and_paths(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, GOOD))
    assert config.corpus.path == tmp_path / "data" / "test.jsonl"
    assert config.conditions[0].plugin is None
    assert config.conditions[1].plugin.options == {"kind": "babble", "snr_db": 5}
    assert config.pipelines[0].enhancer.name == "rnnoise"
    weights = str(tmp_path / "w.safetensors")
    assert config.pipelines[0].recognizer.options == {"weights": weights}


def test_overrides(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, GOOD), [
        "seed=3", "pipelines.0.name=b", "conditions.1.snr_db=10", "trials.most=10"])
    assert (config.seed, config.pipelines[0].name, config.trials.most) == (3, "b", 10)
    assert config.conditions[1].plugin.options["snr_db"] == 10


@pytest.mark.parametrize(("text", "overrides", "words"), [
    ("a: [", [], "not YAML"),
    ("- a", [], "expected `key: value`"),
    (GOOD + "sed: 3", [], r"no key 'sed' here; did you mean 'seed'\? there are corpus, "),
    (GOOD.replace("name: a", "name: a/b"), [], r"pipelines\.0\.name"),
    (GOOD.replace("metrics: [wer]", ""), [], "metrics: is missing"),
    (GOOD, ["seed"], "expected KEY=VALUE"),
    (GOOD, ["pipelines.7.name=x"], "no such key"),
    (GOOD, ["metrics.0.deep=x"], "no such key"),
    ("!!python/object/apply:os.system [ls]", [], "not YAML"),
])
def test_mistakes_are_one_line_naming_the_key(
        tmp_path: Path, text: str, overrides: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        read_config(write(tmp_path, text), overrides)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        read_config(tmp_path / "absent.yaml")
