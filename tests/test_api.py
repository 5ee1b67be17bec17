"""``import evalkit``: the verbs as functions, and docs/api.md, whose code is run."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import evalkit
from evalkit import api
from evalkit.core.errors import EvalkitError
from tests.conftest import tone

PAGE = (Path(__file__).parent.parent / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that docs/api.md names: forty speakers of two accents; in the second version one
    of them is badly understood."""
    folder, random = tmp_path_factory.mktemp("api"), np.random.default_rng(0)
    text = "turn on the lights in the kitchen please"
    speakers = range(40)
    (folder / "mine.jsonl").write_text("".join(json.dumps({
        "id": f"u{s}-{i}", "text": text, "speaker": f"s{s}", "accent": "ab"[s % 2],
        "gender": "fm"[s % 4 // 2]}) + "\n" for s in speakers for i in range(8)))
    for version, rates in (("v1", (0.1, 0.1)), ("v2", (0.4, 0.1))):
        (folder / f"{version}.tsv").write_text("".join(
            f"u{s}-{i}\t{' '.join(w for w in text.split() if random.random() > rates[s % 2])}\n"
            for s in speakers for i in range(8)))
    (folder / "results.csv").write_text("idx,reference,prediction,user_ids,domain\n" + "".join(
        f"u{s},{text},{text[:-7]},s{s},{'clinical' if s % 2 else 'general'}\n" for s in speakers))
    (folder / "gates.yaml").write_text("gates:\n  - {metric: wer, scope: overall}\n")
    for name in ("ref", "base", "new"):
        (folder / f"{name}.stm").write_text("".join(
            f"m{s // 2} 1 s{s} {s % 2} {s % 2 + 1.5} {text}\n" for s in speakers))
    (folder / "speakers.csv").write_text("speaker,age,accent\n" + "".join(
        f"s{s},{20 + s},{'ab'[s % 2]}\n" for s in speakers))
    soundfile.write(folder / "u.wav", tone(1.0), 16_000)
    (folder / "heard.jsonl").write_text('{"id": "u", "audio": "u.wav", "speaker": "s"}\n')
    (folder / "eval.yaml").write_text(json.dumps({
        "corpus": "heard.jsonl", "metrics": ["stoi"], "pipelines": [{"name": "plain"}],
        "conditions": [{"name": "hum", "noise": "stationary", "snr_db": 15}]}))
    return folder


def test_the_code_of_its_page_runs(folder: Path, monkeypatch: pytest.MonkeyPatch,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block.replace("workers=2", "workers=0"), "docs/api.md", "exec"), names)
    printed = capsys.readouterr().out
    assert names["run"].record().seed == 3 and len(names["run"].scores()) == 1
    assert {"pipeline", "amount", "weight"} <= set(names["scores"]) and len(names["utterances"])
    assert names["comparison"].outcome == "regression"
    assert any(verdict.status == "confirmed" for finding in names["findings"].finders
               for verdict in finding.verdicts)
    assert (folder / "reports" / "v2" / "index.html").exists()
    assert "no column 'acent'" in printed


def test_every_verb_is_a_function_of_evalkit() -> None:
    for name in evalkit.__all__:
        verb, function = getattr(evalkit, name), getattr(api, name)
        assert callable(verb) and inspect.signature(verb) == inspect.signature(function), name
        assert f"evalkit.{name}" in PAGE, f"docs/api.md does not show {name}"
        assert inspect.getdoc(function)


def test_a_verb_stays_a_function_when_its_package_is_imported(tmp_path: Path) -> None:
    import evalkit.compare.comparison
    import evalkit.run.runner

    with pytest.raises(EvalkitError, match=r"absent/run\.json: cannot be read"):
        evalkit.compare(tmp_path / "absent", tmp_path / "absent")
    with pytest.raises(EvalkitError, match="cannot read the configuration"):
        evalkit.run(tmp_path / "absent.yaml", tmp_path)
    with pytest.raises(AttributeError, match="has no attribute 'walk'"):
        _ = evalkit.walk


def test_importing_it_imports_nothing_else() -> None:
    heavy = "{'pydantic', 'yaml', 'numpy', 'pandas', 'scipy', 'torch', 'typer', 'rich'}"
    program = f"import evalkit, sys; print({heavy} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                             check=True).stdout
    assert printed.strip() == "set()"
