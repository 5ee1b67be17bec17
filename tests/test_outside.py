"""Somebody else's plug-ins, one of every kind, through the command line: nothing of evalkit knows
them, and they are treated like those that come with it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from evalkit.core.plugins import GROUPS, available
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit, tone
from tests.report.conftest import Page

pytestmark = pytest.mark.usefixtures("outside")

SPEAKERS, UTTERANCES = 40, 3
SHORT = 0.3
PIPELINES = [{"name": "plain", "recognizer": {"name": "level", "batch": 4}, "encoder": "bands"},
             {"name": "late", "enhancer": "late", "recognizer": "level"}]
METRICS = ["words_missed", "wer", "hypothesis_length", {"name": "x_0.5", "shortest": 1.1 * SHORT}]


def write_corpus(folder: Path) -> None:
    """One recording is too short to be measured, and one line is no utterance. In the south a
    word is said of which the recognizer knows nothing."""
    lines = ["something else"]
    for index in range(SPEAKERS * UTTERANCES):
        speaker = index % SPEAKERS
        south, seconds = speaker % 2, SHORT if index == 0 else 0.4 + 0.01 * (index // SPEAKERS)
        soundfile.write(folder / f"{index}.wav", tone(seconds, pitch=100 + 5 * speaker), 16_000)
        words = "on on On off" if south and index % 5 else "on On"
        lines.append(f"{index}.wav|s{speaker:02}|{-30 if south else 50}|{words}")
    (folder / "lines.txt").write_text("\n".join(lines))


def run(folder: Path, name: str, **changes: object) -> Path:
    tree = {"corpus": "m.jsonl", "pipelines": PIPELINES, "metrics": METRICS,
            "conditions": ["clean", {"name": "bad", "plugin": {"name": "clipped"}}]} | changes
    (folder / "eval.yaml").write_text(json.dumps(tree))
    result = evalkit("run", "eval.yaml", "-o", name, "-j", 0, cwd=folder)
    assert result.returncode == 0, result.stderr
    (folder / f"{name}.txt").write_text(result.stdout + result.stderr)
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Path:
    """A corpus, the run "run" on it with all that is outside, and its cohorts."""
    folder = tmp_path_factory.mktemp("outside")
    write_corpus(folder)
    prepared = evalkit("corpus", "prepare", "lines", "lines.txt", "-o", "m.jsonl", cwd=folder)
    assert prepared.returncode == 0, prepared.stderr
    assert "1 row left out: not four fields (line 1)" in prepared.stdout + prepared.stderr
    run(folder, "run")
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    """The report of the run, of which the outside finder has looked for cohorts."""
    found = evalkit("cohorts", "run", "--finder", "hemispheres", "--metric", "words_missed",
                    "--pipeline", "plain", cwd=folder)
    assert found.returncode == 0 and "the far south" in found.stdout, found.stderr
    written = evalkit("report", "run", "-o", "report", "--markdown", "summary.md", cwd=folder)
    assert written.returncode == 0, written.stderr
    return Page(folder / "report" / "index.html")


def test_there_is_one_of_every_kind() -> None:
    missing = [group for group in GROUPS if not any(
        entry.value.startswith("evalkit_outside.") for entry in available(group).values())]
    assert set(missing) <= {"trainable_recognizers", "trainable_encoders"}


def test_a_metric_without_costs_has_the_normaliser_of_the_run(folder: Path) -> None:
    """It is "basic", under which On and on are one word; 64 of 120 texts have "off" in them."""
    with_off = sum(index % SPEAKERS % 2 and index % 5 > 0 for index in range(120))
    rows = RunFolder(folder / "run").scores().query(
        "metric == 'words_missed' and pipeline == 'plain' and condition == 'clean'")
    assert (rows["amount"].sum(), rows["weight"].sum()) == (with_off, 120 + with_off)
    apart = run(folder, "apart", metrics=[{"name": "words_missed", "normaliser": "none"}],
                conditions=["clean"])
    rows = RunFolder(apart).scores().query("pipeline == 'plain'")
    assert rows["weight"].sum() == 240 + with_off


def test_a_recognizer_of_twenty_lines(folder: Path, tmp_path: Path,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """The package that the docs show, as its build backend describes it to whoever installs it;
    what it says beside its text is kept."""
    document = (Path(__file__).parents[1] / "docs" / "extending.md").read_text()
    code, project, config = re.search(
        r"`counting_asr.py`:\n\n```python\n(.*?)```.*?```toml\n(.*?)```.*?```yaml\n(.*?)```",
        document, re.DOTALL).groups()
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 20
    (tmp_path / "counting_asr.py").write_text(code)
    (tmp_path / "pyproject.toml").write_text(project)
    subprocess.run([sys.executable, "-W", "ignore", "-c", "from setuptools import build_meta; "
                    "build_meta.prepare_metadata_for_build_wheel('.')"], cwd=tmp_path, check=True,
                   capture_output=True)
    assert (tmp_path / "counting_asr-1.0.dist-info" / "entry_points.txt").exists()
    monkeypatch.syspath_prepend(tmp_path)
    short = run(folder, "short", **yaml.safe_load(config), conditions=["clean"])
    for row in RunFolder(short).outputs().itertuples():
        assert row.hypothesis == " ".join(["off"] * round(10 * row.seconds))
        assert [word["end"] for word in row.words][-1] == pytest.approx(row.seconds, abs=0.051)
        assert row.confidence == 1


def test_a_batch_changes_nothing(folder: Path) -> None:
    alone = run(folder, "alone", conditions=["clean"], pipelines=[{
        "name": "plain", "recognizer": {"name": "level", "batch": 1}}])
    texts = [RunFolder(path).outputs().query("pipeline == 'plain' and condition == 'clean'")
             .set_index("utterance_id")["hypothesis"].sort_index()
             for path in (folder / "run", alone)]
    assert texts[0].equals(texts[1])


def test_a_name_with_a_dot_is_a_score_like_any_other(folder: Path) -> None:
    summary = RunFolder(folder / "run").summary()
    (score,) = (score for score in summary.scores if score.metric == "x_0.5"
                and (score.pipeline, score.condition) == ("plain", "clean"))
    assert (score.n, score.n_failed, score.n_speakers) == (119, 1, SPEAKERS)
    failures = {(metric, f.kind): f.n for f in summary.failures for metric in f.metrics
                if f.pipeline == "plain" and f.condition == "clean"}
    assert failures["x_0.5", "TooShort"] == 1
    printed = (folder / "run.txt").read_text()
    assert "x_0.5" in printed and "TooShort" in printed and "x_0.5.samples" not in printed


def test_a_condition_is_heard(folder: Path) -> None:
    summary = RunFolder(folder / "run").summary()
    clean, bad = (next(score.value for score in summary.scores if score.metric == "x_0.5"
                       and (score.pipeline, score.condition) == ("plain", name))
                  for name in ("clean", "bad"))
    assert bad > 2 * clean


def test_groups_and_systems_take_them(folder: Path) -> None:
    groups = evalkit("groups", "run", "--by", "latitude", "--metric", "x_0.5", cwd=folder)
    assert groups.returncode == 0 and "‰" in groups.stdout, groups.stderr
    systems = evalkit("systems", "run", "--metric", "x_0.5", "--condition", "bad", cwd=folder)
    assert systems.returncode == 0 and "plain" in systems.stdout, systems.stderr


@pytest.mark.parametrize(("tolerance", "code"), [(0.0, 1), (10**6, 0)])
def test_a_gate_holds_for_them(folder: Path, tolerance: float, code: int) -> None:
    """The candidate's recordings are clipped, and more of them is loud, which is the better
    side; so it is the base that is the candidate."""
    if not (folder / "clipped").exists():
        run(folder, "clipped", conditions=[{"name": "clean", "plugin": {"name": "clipped"}}])
        run(folder, "usual", conditions=["clean"])
    (folder / "gates.yaml").write_text(json.dumps({"gates": [
        {"metric": "x_0.5", "tolerance": {"absolute": tolerance}, "pipeline": "plain"}]}))
    result = evalkit("compare", "clipped", "usual", "--gates", "gates.yaml", "--json", "c.json",
                     cwd=folder)
    tree = json.loads((folder / "c.json").read_text())
    statuses = [check["status"] for gate in tree["gates"] for check in gate["checks"]]
    assert statuses == [("passed", "failed")[code]], result.stdout + result.stderr


def test_the_page_shows_them(page: Page, folder: Path) -> None:
    for text in ("x_0.5", "Words missed", "the far south", "‰", "words were recognised"):
        assert text in page.text, text
    assert any(attributes.get("href") == "#outside-words" for attributes in page.of("a"))
    assert "cohorts-map-1" in page.source
    assert any("x_0.5" in " ".join(row) and "TooShort: " in " ".join(row) for row in page.cells)


def test_the_section_is_in_every_other_form_too(page: Page, folder: Path) -> None:
    assert "words were recognised" in (folder / "summary.md").read_text()
    (words,) = json.loads((folder / "report" / "findings.json").read_text())["sections"][
        "outside-words"].values()
    assert words > SPEAKERS * UTTERANCES
    assert (folder / "report" / "tables" / "outside-words.csv").exists()


def test_doctor_names_them() -> None:
    lines = [line.split() for line in evalkit("doctor").stdout.splitlines()]
    names = {(line[0], line[1]) for line in lines if len(line) > 1}
    assert {("metrics", "x_0.5"), ("cohorts", "hemispheres"), ("corpora", "lines"),
            ("conditions", "clipped")} <= names


def test_voices_of_the_outside_encoder_are_verified(folder: Path) -> None:
    trials = {score.metric: score for score in RunFolder(folder / "run").summary().trials
              if score.condition == "clean"}
    assert np.isfinite(trials["eer"].value) and trials["eer"].n > 1000
