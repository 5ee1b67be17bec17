"""Gates, baselines, history and exports through the command line."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import yaml

from evalkit.compare.baseline import read_baseline
from evalkit.compare.history import history
from evalkit.compare.history_page import write_history
from evalkit.core.errors import RunError
from evalkit.statistics.labels import label
from evalkit.store.documents.releases import Releases
from evalkit.store.documents.report import ReportFindings
from evalkit.store.manifest import write_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit, installed
from tests.worlds import write_cohorts

ROOT = Path(__file__).parent.parent.parent
HOSTILE = "<b>|`\u202e@all% "


def score(folder: Path, name: str, south: float, north: float, *, seed: int = 1,
          lost: int = 0, system: str = "asr", **options: object) -> Path:
    """A run of one system; ``south`` and ``north`` are its error rates. The errors of rate 0.1
    are the same in every run."""
    shared, own = np.random.default_rng(0), np.random.default_rng(seed)
    rows, lines = [], []
    for index in range(800):
        side = ("south", "north")[index % 2]
        words = ["one"] * 10
        rows.append({"id": f"u{index}{HOSTILE}", "text": " ".join(words),
                     "speaker": f"s{index % 80}", "accent": side + HOSTILE})
        rate = {"south": south, "north": north}[side]
        wrong = (shared.random(10) < 0.1) | (own.random(10) < rate - 0.1)
        heard = ["two" if w else "one" for w in wrong]
        lines.append({"id": rows[-1]["id"], "hypothesis": " ".join(heard)})
    write_manifest(folder / "test.jsonl", rows)
    write_manifest(folder / f"{name}.jsonl", lines[lost:])
    words = [word for option, value in options.items() for word in (f"--{option}", value)]
    result = evalkit("score", "-m", folder / "test.jsonl", "-y", f"{system}={folder / name}.jsonl",
                     "-o", folder / name, *words)
    assert result.returncode == 0, result.stderr
    return folder / name


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, the same with other noise, one that is worse in the south, and ones that cannot be
    compared with it."""
    folder = tmp_path_factory.mktemp("gate")
    score(folder, "v1", 0.12, 0.12)
    score(folder, "noise", 0.12, 0.12, seed=2)
    score(folder, "worse", 0.20, 0.12, seed=2)
    score(folder, "fewer", 0.12, 0.12, seed=2, lost=3)
    score(folder, "otherwise", 0.12, 0.12, seed=2, normaliser="none")
    score(folder, "renamed", 0.12, 0.12, seed=5, system="new")
    (folder / "empty").mkdir()
    (folder / "shoe.yaml").write_text("gates: [{metric: wer, scope: every shoe}]\n")
    shutil.copy(ROOT / "docs" / "ci" / "gates.yaml", folder)
    result = evalkit("baseline", "freeze", folder / "v1", "--out", folder / "baseline.json.gz")
    assert result.returncode == 0 and "80 speakers, groups by accent" in result.stdout
    return folder


@pytest.mark.parametrize("command", [["compare"], ["baseline", "freeze"], ["history"],
                                     ["export", "mlflow"], ["export", "wandb"]])
def test_help_has_examples(command: list[str]) -> None:
    result = evalkit(*command, "--help")
    assert result.returncode == 0 and "Example" in result.stdout


@pytest.mark.parametrize(("base", "candidate", "code", "message"), [
    ("v1", "v1", 0, "pass: no gate failed"), ("v1", "noise", 0, "pass: no gate failed"),
    ("v1", "worse", 1, "regression: 2 of 2 gates failed"),
    ("v1", "otherwise", 2, "problem: not the same normaliser: basic"),
    ("v1", "renamed", 0, "note: pipeline asr of the base is compared with new of the candidate"),
    ("baseline.json.gz", "noise", 0, "pass: no gate failed"),
    ("baseline.json.gz", "worse", 1, "regression: 2 of 2 gates failed"),
    ("baseline.json.gz", "fewer", 2,
     "problem: asr, given, wer: 3 failures that the base did not have: 'u0"),
])
def test_exit_codes(runs: Path, base: str, candidate: str, code: int, message: str) -> None:
    result = evalkit("compare", runs / base, runs / candidate, "--gates", runs / "gates.yaml")
    assert result.returncode == code, result.stdout + result.stderr
    assert message in result.stdout


def test_a_frozen_baseline_gives_the_verdicts_of_its_run(runs: Path, tmp_path: Path) -> None:
    trees = []
    for base in ("v1", "baseline.json.gz"):
        evalkit("compare", runs / base, runs / "worse", "--gates", runs / "gates.yaml",
                "--by", "accent", "--json", tmp_path / "c.json")
        tree = json.loads((tmp_path / "c.json").read_text())
        trees.append({key: tree[key] for key in ("outcome", "gates", "changes", "problems")})
    assert trees[0] == trees[1]
    assert (runs / "baseline.json.gz").stat().st_size < 20_000


def test_every_file_says_the_same(runs: Path, tmp_path: Path) -> None:
    result = evalkit("compare", runs / "v1", runs / "worse", "--gates", runs / "gates.yaml",
                     "--junit", "j.xml", "--markdown", "c.md", "--json", "c.json", "--github",
                     cwd=tmp_path)
    assert result.returncode == 1
    checks = [check for gate in json.loads((tmp_path / "c.json").read_text())["gates"]
              for check in gate["checks"] if check["status"] == "failed"]
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()[0]
    assert len(checks) == len(suite.findall("testcase/failure")) == 2
    assert (tmp_path / "c.md").read_text().count("| failed | wer") == 2
    assert sum(line.startswith("::error") for line in result.stdout.splitlines()) == 2
    assert f"accent={label('south' + HOSTILE)}" in {check["scope"] for check in checks}


@pytest.mark.parametrize(("words", "message"), [
    (["absent", "v1"], "error: absent/run.json: cannot be read"),
    (["v1", "baseline.json.gz"], "error: baseline.json.gz: not a run folder"),
    (["gates.yaml", "v1"], "error: gates.yaml: cannot be read"),
    (["v1", "v1", "--gates", "absent.yaml"], "error: absent.yaml: cannot read"),
    (["v1", "v1", "--gates", "shoe.yaml"],
     "error: shoe.yaml: gate wer every shoe: v1: no column 'shoe' to group by; there are accent"),
    (["v1", "v1", "--by", "shoe"], "error: v1: no column 'shoe' to group by; there are accent"),
    (["baseline.json.gz", "v1", "--by", "shoe"], "error: baseline.json.gz: no groups by 'shoe'"),
    (["v1", "test.jsonl"], "error: test.jsonl: not a run folder"),
    (["empty", "v1"], "error: empty/run.json: cannot be read"),
    (["v1", "empty"], "error: empty/run.json: cannot be read"),
    (["v1", "v1", "--json", "."], "error: .: is a folder; give the name of a file"),
])
def test_misuse_is_one_line_and_exit_code_2(runs: Path, words: list[str], message: str) -> None:
    result = evalkit("compare", *words, cwd=runs)
    assert result.returncode == 2
    assert result.stderr.startswith(message) and result.stderr.count("\n") == 1


@pytest.mark.parametrize(("words", "message"), [
    (["baseline", "freeze", "v1", "--out", "test.jsonl/x.json"],
     "error: test.jsonl/x.json: cannot be written"),
    (["baseline", "freeze", "v1", "--out", "."], "error: .: is a folder"),
    (["baseline", "freeze", "empty", "--out", "x.json"], "error: empty/run.json: cannot be read"),
    (["history", "empty"], "error: empty/run.json: cannot be read"),
    (["export", "mlflow", "empty", "--uri", "file:x"], "error: empty/run.json: cannot be read"),
    (["report", "v1", "-o", "r", "--markdown", "test.jsonl/x.md"],
     "error: test.jsonl/x.md: cannot be written"),
])
def test_paths_that_cannot_be_used(runs: Path, words: list[str], message: str) -> None:
    if "mlflow" in words:
        pytest.importorskip("mlflow")
    result = evalkit(*words, cwd=runs)
    assert result.returncode == 2
    assert [line.startswith(message) for line in result.stderr.splitlines()
            if line.startswith("error: ")] == [True]


def test_two_versions_without_a_pipeline_in_common_are_one_line(
        runs: Path, tmp_path: Path) -> None:
    files = {name: runs / f"{name}.jsonl" for name in ("v1", "worse")}
    words = [word for name, file in files.items() for word in ("-y", f"new_{name}={file}")]
    made = evalkit("score", "-m", runs / "test.jsonl", *words, "-o", tmp_path / "two")
    assert made.returncode == 0, made.stderr
    result = evalkit("compare", runs / "v1", tmp_path / "two", "--junit", "j.xml",
                     "--markdown", "new/c.md", "--json", "c.json", "--github", cwd=tmp_path)
    why = ("no pipeline is in both versions: the base has 'asr', the candidate 'new_v1', "
           "'new_worse'; say which is which: --map asr=new_v1")
    assert result.returncode == 2 and result.stderr == f"error: {why}\n"
    assert "there are none" not in result.stdout and "gate " not in result.stdout
    assert json.loads((tmp_path / "c.json").read_text())["problems"] == [why]
    for name in ("new/c.md", "j.xml"):
        assert "no pipeline is in both versions" in (tmp_path / name).read_text()
    mapped = evalkit("compare", runs / "v1", tmp_path / "two", "--map", "asr=new_v1")
    assert mapped.returncode == 0, mapped.stderr


def test_two_versions_without_a_metric_in_common_are_one_line(runs: Path, tmp_path: Path) -> None:
    made = evalkit("score", "-m", runs / "test.jsonl", "-y", f"asr={runs / 'v1.jsonl'}",
                   "-o", tmp_path / "cer", "--metric", "cer")
    assert made.returncode == 0, made.stderr
    shutil.copytree(tmp_path / "cer", tmp_path / "wer")
    made = evalkit("score", tmp_path / "wer", "--metric", "wer")
    assert made.returncode == 0, made.stderr
    result = evalkit("compare", "cer", "wer", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "error: no metric is in both versions: the base has 'cer', the candidate 'mer', "
        "'wer'; score one anew: evalkit score RUN --metric cer\n")


def test_a_pipe_is_written_into(runs: Path) -> None:
    result = installed("baseline", "freeze", runs / "v1", "--out", "/dev/stdout")
    assert result.returncode == 0, result.stderr
    assert json.JSONDecoder().raw_decode(result.stdout)[0]["schema"] == 4


@pytest.mark.parametrize("change", [
    lambda tree: tree["blocks"].pop(), lambda tree: tree["blocks"][0]["labels"].pop(),
    lambda tree: tree["scores"][0]["amount"].append("x"), lambda tree: tree.pop("facts"),
    lambda tree: tree.update(schema=99),
    lambda tree: tree["facts"]["metrics"]["wer"].update(decimals=10**6),
])
def test_a_broken_baseline_is_refused(runs: Path, tmp_path: Path, change: object) -> None:
    tree = json.loads(gzip.decompress((runs / "baseline.json.gz").read_bytes()))
    change(tree)
    (tmp_path / "b.json").write_text(json.dumps(tree))
    with pytest.raises(RunError, match="evalkit baseline freeze") as caught:
        read_baseline(tmp_path / "b.json", [])
    assert str(caught.value).startswith(f"{tmp_path / 'b.json'}: ")
    assert "\n" not in str(caught.value)


def test_a_baseline_has_neither_text_nor_paths(runs: Path) -> None:
    text = gzip.decompress((runs / "baseline.json.gz").read_bytes()).decode()
    assert "one one" not in text and str(runs) not in text


def test_cohorts_of_the_base_are_gated(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "v1", tmp_path / "v1")
    ids = RunFolder(runs / "v1").utterances()["utterance_id"]
    write_cohorts(tmp_path / "v1", pd.DataFrame({
        "utterance_id": ids, "finder": "tree",
        "cohort": ["low" if int(u[1:].split("<")[0]) % 2 == 0 else "high" for u in ids]}))
    (tmp_path / "gates.yaml").write_text("gates: [{metric: wer, scope: every cohorts.tree}]")
    result = evalkit("compare", tmp_path / "v1", runs / "worse", "--gates", tmp_path / "gates.yaml")
    assert result.returncode == 1
    assert [line.split()[0] for line in result.stdout.splitlines() if "cohorts.tree=" in line] == [
        "failed", "inconclusive", "failed:", "inconclusive:"]
    frozen = evalkit("baseline", "freeze", tmp_path / "v1", "-o", tmp_path / "b.json",
                     "--by", "cohorts.tree", "--by", "accent,accent")
    assert "groups by accent, cohorts.tree, accent,accent" in frozen.stdout, frozen.stderr


def test_history_shows_versions_from_old_to_new(runs: Path, tmp_path: Path) -> None:
    for i, name in enumerate(("worse", "v1")):
        shutil.copytree(runs / name, tmp_path / name)
        info = json.loads((tmp_path / name / "run.json").read_text())
        info["created"] = f"2026-01-0{i + 1}T00:00:00+00:00"
        (tmp_path / name / "run.json").write_text(json.dumps(info))
    result = evalkit("history", "v1", "worse", runs / "baseline.json.gz", "--metric", "wer",
                     "--out", "h.html", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines()[1:-1]]
    assert [row[4] for row in rows] == ["worse", "v1", "baseline.json.gz"]
    assert rows[1][5:] == rows[2][5:]
    page = (tmp_path / "h.html").read_text()
    heads = re.findall(r"<th scope=\"col\".*?<bdi>(.*?)</bdi>", page)
    assert heads == ["Pipeline", "worse", "v1", "baseline.json.gz"]
    assert page.count('<svg viewBox') == 1 and 'class="tiles"' in page
    versions = [tmp_path / "v1", tmp_path / "worse", runs / "baseline.json.gz"]
    table, facts = history(versions, ["wer"])
    write_history(table, facts, tmp_path / "again.html", versions)
    assert (tmp_path / "again.html").read_text() == page
    wrong = evalkit("history", "v1", "--out", "h.doc", cwd=tmp_path)
    assert wrong.returncode == 2 and "ends in .svg or .html" in wrong.stderr


def test_a_series_of_releases_is_judged_at_falling_levels(runs: Path, tmp_path: Path) -> None:
    """From the folders alone, as step by step in CI; a later release changes nothing."""
    (tmp_path / "gates.yaml").write_text(
        "series: {first: 0.5, half: 20}\n" + (runs / "gates.yaml").read_text())
    judge = ("--baseline", runs / "baseline.json.gz", "--gates", tmp_path / "gates.yaml")
    three = evalkit("history", runs / "noise", runs / "worse", runs / "renamed", *judge,
                    "--json", tmp_path / "series.json")
    two = evalkit("history", runs / "noise", runs / "worse", *judge)
    table = three.stdout.splitlines()
    assert table[0].split()[:3] == ["look", "release", "outcome"]
    assert table[1].split()[:3] == ["1", "noise", "pass"] and "0.0500" in table[1]
    assert table[2].split()[:3] == ["2", "worse", "regression"] and "0.0024" in table[2]
    assert table[3].split()[:3] == ["3", "renamed", "pass"] and "0.0045" in table[3]
    assert table[2].split()[-2:] == ["2.50", "2.50"] and table[3].split()[-2:] == ["2.73", "2.27"]
    assert [" ".join(row.split()) for row in two.stdout.splitlines()[:3]] == [
        " ".join(row.split()) for row in table[:3]]
    assert (two.returncode, three.returncode) == (1, 0)
    kept = Releases.read(tmp_path / "series.json")
    assert kept.outcome == "pass" and kept.schedule.half == 20
    assert [(each.outcome, each.series.look) for each in kept.releases if each.series] == [
        ("pass", 1), ("regression", 2), ("pass", 3)]
    assert "worse: regression: 2 of 2 gates failed" in two.stdout
    compare = ("compare", runs / "v1", "--gates", tmp_path / "gates.yaml")
    unsaid = evalkit(*compare, runs / "noise")
    assert unsaid.returncode == 2 and "say which this is, --look 1 or more" in unsaid.stderr
    evalkit(*compare, runs / "noise", "--look", "1", "--json", tmp_path / "1.json")
    second = evalkit(*compare, runs / "worse", "--after", tmp_path / "1.json", "--json",
                     tmp_path / "2.json")
    assert second.returncode == 1 and "note: look 2 of a series" in second.stdout
    standing = json.loads((tmp_path / "2.json").read_text())["series"]
    assert standing["level"] == pytest.approx(2 * 0.025 / 21)
    assert standing["carried"] == pytest.approx(0.025 / 21)
    evalkit("history", runs / "noise", runs / "worse", *judge, "--json", tmp_path / "two.json")
    third = [evalkit(*compare, runs / "renamed", "--after", tmp_path / before, "--json",
                     tmp_path / f"after_{before}") for before in ("two.json", "2.json")]
    assert third[0].returncode == 0 and third[0].stdout == third[1].stdout, third[0].stderr
    assert [json.loads((tmp_path / f"after_{before}").read_text())["series"]
            for before in ("two.json", "2.json")] == [json.loads(
                (tmp_path / "series.json").read_text())["releases"][2]["series"]] * 2
    forgotten = evalkit("compare", runs / "v1", runs / "worse", "--after", tmp_path / "1.json")
    assert forgotten.returncode == 2 and "give the same --gates" in forgotten.stderr


@pytest.mark.parametrize(("text", "message"), [
    ("{", "last.json: cannot be read"), ("[]", "is not a JSON object"),
    ('{"releases": []}', "has no schema number, this evalkit reads 1; make it again with `evalkit "
     "history --baseline --json`"),
    ('{"schema": 1, "releases": []}', "last.json: "), ('{"schema": 1}', "schema 1, this evalkit")])
def test_a_file_of_no_series_is_one_line(runs: Path, tmp_path: Path, text: str, message: str
                                         ) -> None:
    (tmp_path / "last.json").write_text(text)
    result = evalkit("compare", runs / "v1", runs / "noise", "--after", tmp_path / "last.json")
    assert result.returncode == 2 and message in result.stderr
    assert result.stderr.count("\n") == 1


def test_further_runs_of_a_version_are_compared_by_their_means(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text("gates: [{metric: wer, runs: 3}]\n")
    result = evalkit("compare", runs / "baseline.json.gz", runs / "noise", "--base-run",
                     runs / "renamed", "--run", runs / "worse", "--gates", tmp_path / "gates.yaml",
                     "--json", tmp_path / "c.json")
    assert result.returncode == 0, result.stderr
    assert "3 runs of each version are asked for: add 1 more of the base and 1 more" in (
        result.stdout)
    assert "note: decoding: wer of asr, given: " in result.stdout
    (gate,) = json.loads((tmp_path / "c.json").read_text())["gates"]
    assert gate["checks"][0]["runs"] == [2, 2] and gate["gate"]["runs"] == 3
    twice = evalkit("compare", runs / "v1", runs / "noise", "--run", runs / "noise")
    assert twice.returncode == 2 and "noise: is given twice" in twice.stderr
    both = evalkit("compare", runs / "v1", runs / "noise", "--run", runs / "v1")
    assert both.returncode == 2 and "v1: is given twice; a run counts once" in both.stderr
    assert "is not that of the first run" not in result.stdout  # it is not known what made them
    shutil.copytree(runs / "noise", tmp_path / "copy")
    copy = evalkit("compare", runs / "v1", runs / "noise", "--run", tmp_path / "copy")
    assert copy.returncode == 2 and copy.stderr.count("\n") == 1
    assert f"copy: its outputs are those of {runs / 'noise'}; a copy" in copy.stderr


@pytest.mark.parametrize(("words", "message"), [
    (["v1", "noise"], "v1: is the baseline itself; leave it out of the releases"),
    (["noise", "noise"], "noise: is listed twice, or a copy of one before; a release has one")])
def test_a_list_that_is_no_series_is_refused(runs: Path, words: list[str], message: str) -> None:
    result = evalkit("history", *words, "--baseline", "v1", "--gates", "gates.yaml", cwd=runs)
    assert result.returncode == 2 and message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def a_page(folder: Path, created: str) -> Path:
    """Of a run made at ``created``."""
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text("<p>the page</p>")
    (folder / "tables" / "groups.csv").write_text("group,errors\nNA,3\n,x\n")
    ReportFindings(corpus="c", created=created, evalkit="0", seed=0, summary=[], sections={}
                   ).write(folder / "findings.json")
    return folder


def test_wandb_has_the_headline_the_page_and_the_tables(
        runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    run, words = RunFolder(runs / "v1"), ["export", "wandb", runs / "v1", "--out", tmp_path / "w"]
    named = evalkit(*words, "--project", "a/b")
    assert named.stderr.startswith("error: --project a/b: ") and not (tmp_path / "w").exists()
    other = evalkit(*words, "--report", a_page(tmp_path / "page", "long ago"))
    assert other.returncode == 2 and "is of another run" in other.stderr
    page = a_page(tmp_path / "page", run.record().created)
    result = installed(*words, "--report", page)
    assert (result.returncode, result.stderr) == (0, "")
    offline = Path(result.stdout.strip())
    written = next(offline.glob("*.wandb")).read_bytes()
    value = next(row.value for row in run.summary().scores if row.metric == "wer")
    logged = re.search(rb"wer/asr/given/value.{0,4}?(0\.\d+)", written, re.DOTALL)
    assert logged is not None and float(logged[1]) == pytest.approx(value)
    assert run.record().corpus.digest.encode() in written
    table, = offline.glob("files/media/table/tables/groups_*.table.json")
    assert json.loads(table.read_text())["data"] == [["NA", "3"], [None, "x"]]
    assert len(list(offline.glob("files/media/html/page_*.html"))) == 1
    assert not (tmp_path / "home").exists()


def test_mlflow_has_the_headline(runs: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    created = RunFolder(runs / "v1").record().created
    for made, code in (("long ago", 2), (created, 0)):
        page = a_page(tmp_path / "page", made)
        result = evalkit("export", "mlflow", runs / "v1", "--uri", f"file:{tmp_path / 'mlruns'}",
                         "--report", page)
        assert result.returncode == code, result.stderr
        assert ("is of another run" in result.stderr) == bool(code)
    kept, = (tmp_path / "mlruns").glob("*/*/artifacts/report/index.html")
    assert kept.read_text() == "<p>the page</p>"
    from mlflow.store.tracking.file_store import FileStore

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        run = FileStore(str(tmp_path / "mlruns")).get_run(result.stdout.split()[2])
    summary = {row.metric: row for row in RunFolder(runs / "v1").summary().scores}
    metrics = run.data.metrics
    assert metrics["wer/asr/given/value"] == pytest.approx(summary["wer"].value)
    assert metrics["wer/asr/given/n"] == 800
    assert metrics["wer/asr/given/low"] < metrics["wer/asr/given/value"]
    assert run.info.run_name == "v1" and run.data.tags["evalkit.normaliser"].startswith("basic")
    wrong = evalkit("export", "mlflow", runs / "v1", "--uri", "shoe://x")
    assert wrong.returncode == 2 and "Traceback" not in wrong.stderr


def commands(path: Path) -> list[str]:
    """What a workflow runs, in its order."""
    tree = yaml.safe_load(path.read_text())
    if "speech-gate" in tree:
        return tree["speech-gate"]["script"]
    return [step["run"] for step in tree["jobs"]["gate"]["steps"] if "run" in step]


@pytest.mark.parametrize(("name", "candidate", "code"), [
    ("github-actions.yml", "noise", 0), ("github-actions.yml", "worse", 1),
    ("github-actions.yml", "fewer", 2), ("gitlab-ci.yml", "worse", 1)])
def test_the_commands_of_the_workflows_run(
        runs: Path, tmp_path: Path, name: str, candidate: str, code: int) -> None:
    """All but the installation, in one shell, as a runner with `set -e` does."""
    for file in ("test.jsonl", "gates.yaml", "baseline.json.gz"):
        shutil.copy(runs / file, tmp_path)
    (tmp_path / "decode.sh").write_text(f"#!/bin/sh\ncp {runs / candidate}.jsonl hypotheses.jsonl")
    (tmp_path / "decode.sh").chmod(0o755)
    steps = commands(ROOT / "docs" / "ci" / name)
    assert steps[0] == "pip install evalkit" and any("evalkit compare" in step for step in steps)
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                   "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    codes = [subprocess.run(["bash", "-e", "-c", step], cwd=tmp_path, env=environment,
                            capture_output=True, check=False).returncode for step in steps[1:]]
    assert codes == [code if "compare" in step else 0 for step in steps[1:]]
    for file in ("gates.xml", "gates.md", "gates.json"):
        assert (tmp_path / file).stat().st_size
    if name.startswith("github"):
        assert (tmp_path / "summary.md").read_text() == (tmp_path / "gates.md").read_text()


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of one corpus with columns made from the errors of each, and a frozen baseline that
    was told to keep those of the first."""
    folder, rng = tmp_path_factory.mktemp("leak"), np.random.default_rng(3)
    wrong = {name: rng.random((900, 10)) < 0.2 for name in ("v1", "v2")}
    many = {name: np.where(errors.mean(axis=1) > 0.2, "bad", "good")
            for name, errors in wrong.items()}
    write_manifest(folder / "test.jsonl", [
        {"id": f"u{i}", "text": " ".join(["one"] * 10), "speaker": f"s{i % 90}",
         "accent": ("north", "south")[i % 2], "flagged": many["v1"][i],
         "later": many["v2"][i], "old_wer": ("low", "high")[i // 2 % 2]} for i in range(900)])
    for name, errors in wrong.items():
        write_manifest(folder / f"{name}.jsonl", [
            {"id": f"u{i}", "hypothesis": " ".join("two" if w else "one" for w in row)}
            for i, row in enumerate(errors)])
        made = evalkit("score", "-m", "test.jsonl", "-y", f"asr={name}.jsonl", "-o", name,
                       cwd=folder)
        assert made.returncode == 0, made.stderr
    told = [word for column in ("flagged", "old_wer") for word in ("--allow-outcome", column)]
    made = evalkit("baseline", "freeze", "v1", "-o", "told.json", *told, cwd=folder)
    assert "groups by accent, flagged, later, old_wer" in made.stdout, made.stderr
    return folder


@pytest.mark.parametrize(("asked", "base", "column", "why"), [
    *((scope, "told.json", "flagged", "it determines wer")
      for scope in ("every", "worst", "gap", "group")),
    ("every", "v1", "later", "it determines wer of the candidate"),
    *(("--by", *rest) for rest in [
    ("v1", "flagged", "it determines wer"), ("v1", "later", "it determines wer of the candidate"),
    ("v1", "old_wer", "named like a metric"), ("v1", "accent,flagged", "it determines wer"),
    ("v1", "accent,old_wer", "named like a metric"),
    ("told.json", "flagged", "it determines wer"),
    ("told.json", "later", "it determines wer of the candidate"),
    ("told.json", "old_wer", "named like a metric")])])
def test_outcomes_are_compared_only_where_it_is_told(
        leaking: Path, tmp_path: Path, asked: str, base: str, column: str, why: str) -> None:
    scope = f"{column}=bad" if asked == "group" else f"{asked} {column}"
    (tmp_path / "gates.yaml").write_text(f"gates: [{{metric: wer, scope: '{scope}'}}]")
    words = ["--by", column] if asked == "--by" else ["--gates", tmp_path / "gates.yaml"]
    refused = evalkit("compare", base, "v2", *words, "--json", tmp_path / "c.json", cwd=leaking)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    name = column.rsplit(",", maxsplit=1)[-1] if "named" in why else column
    gate = "" if asked == "--by" else f"{tmp_path / 'gates.yaml'}: gate wer {scope}: "
    assert refused.stderr.startswith(f"error: {gate}column {name!r} is left out: {why}, so ")
    assert refused.stderr.endswith(f"add --allow-outcome {name}\n")
    assert why in json.loads((tmp_path / "c.json").read_text())["problems"][0]
    told = evalkit("compare", base, "v2", *words, "--allow-outcome", name, cwd=leaking)
    assert told.returncode in {0, 1} and not told.stderr and f"{column}" in told.stdout


def test_honest_columns_are_compared_unasked(leaking: Path) -> None:
    result = evalkit("compare", "v1", "v2", "--by", "accent", cwd=leaking)
    assert result.returncode == 0 and "accent=north" in result.stdout, result.stderr


def test_a_baseline_keeps_outcomes_only_where_it_is_told(leaking: Path, tmp_path: Path) -> None:
    freeze = ["baseline", "freeze", "v1", "-o", tmp_path / "b.json"]
    unasked = evalkit(*freeze, cwd=leaking)
    assert unasked.returncode == 0 and "groups by accent, later\n" in unasked.stdout
    told = "to use it add --allow-outcome"
    for line in (f"1 column left out: determines wer, {told} (flagged)",
                 f"1 column left out: named like a metric, {told} (old_wer)"):
        assert line in unasked.stdout + unasked.stderr
    kept = json.loads((tmp_path / "b.json").read_text())
    assert sorted(name for item in kept["left_out"] for name in item["names"]) == [
        "flagged", "old_wer"]
    for column, why in (("flagged", "it determines wer"), ("old_wer", "named like a metric"),
                        ("accent,flagged", "it determines wer")):
        refused = evalkit(*freeze, "--by", column, cwd=leaking)
        assert refused.returncode == 2 and refused.stderr.count("\n") == 1
        assert f"column {column!r} is left out: {why}" in refused.stderr
        assert f"--allow-outcome {column}\n" in refused.stderr
        asked = evalkit(*freeze, "--by", column, "--allow-outcome", column, cwd=leaking)
        assert asked.returncode == 0 and column in asked.stdout.splitlines()[0], asked.stderr
