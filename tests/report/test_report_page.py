"""The page as a whole: it parses, it is inert, it is the same every time, it tells the truth."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from evalkit import api
from evalkit.core.errors import ConfigError, RunError
from evalkit.report.page import write_report
from evalkit.statistics.run_statistics import headline_intervals
from evalkit.store.manifest import write_manifest
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import summarise
from tests.report.conftest import Page
from tests.worlds import FakeRun, hostile_run


def report(run: FakeRun, **options: str) -> Page:
    return Page(write_report(run.write(), run.folder.parent / "report", **options))


def test_the_page_has_its_landmarks_and_answers_its_questions(written: tuple[FakeRun, Path],
                                                              ) -> None:
    page = Page(written[1])
    names = [tag for tag, _ in page.tags]
    assert {"header", "nav", "main", "footer", "h1", "caption"} <= set(names)
    assert names.count("h1") == names.count("main") == 1
    questions = ("For whom is it worst?", "How good is it?", "Are the differences real?",
                 "Which utterances are worst?", "What exactly was measured?")
    assert [page.text.count(question) for question in questions] == [2] * len(questions)
    found = [page.text.rindex(question) for question in questions]
    assert found == sorted(found)
    targets = {f"#{attrs['id']}" for _, attrs in page.tags if "id" in attrs}
    links = {a["href"] or "" for a in page.of("a")}
    tables = {f"tables/{path.name}" for path in (page.path.parent / "tables").iterdir()}
    assert tables <= links <= targets | tables


def test_identifiers_are_unique_and_what_refers_to_them_finds_them(
        written: tuple[FakeRun, Path]) -> None:
    page = Page(written[1])
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'(?:xlink:href="#|url\(#|aria-labelledby=")([^")]+)', page.source)
    assert wanted and set(wanted) <= set(ids)


def drawn(page: Page, kind: str) -> int:
    """How many figures of a kind there are."""
    return sum((svg["aria-labelledby"] or "").startswith(f"{kind}-") for svg in page.of("svg"))


def test_every_header_has_a_scope_and_every_figure_a_title(written: tuple[FakeRun, Path]) -> None:
    page = Page(written[1])
    assert all(th["scope"] in ("col", "row", "rowgroup") for th in page.of("th"))
    figures = page.of("svg")
    assert (drawn(page, "figure"), drawn(page, "cost")) == (2, 2)
    assert len({svg["aria-labelledby"] for svg in figures}) == len(figures)
    assert all(svg["role"] == "img" for svg in figures)
    assert page.text.count("Word error rate by accent in clean") == 1
    assert len(page.of("table")) == 1 + len(page.of("caption"))  # the card has a table, too


def test_the_page_loads_nothing_but_its_own_recordings(written: tuple[FakeRun, Path]) -> None:
    page = Page(written[1])
    for tag, attrs in page.tags:
        for name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            value = attrs.get(name) or "#"
            assert value.startswith(("#", {
                "audio": "audio/", "a": "tables/", "img": "pictures/"}.get(tag, "#")))
    assert not re.search(r"@import|url\((?!#)|https?:", page.source)
    policy = next(m["content"] for m in page.of("meta") if "http-equiv" in m) or ""
    assert policy.startswith("default-src 'none';")
    assert len(page.scripts) == 1
    digest = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy


def test_the_same_run_gives_the_same_bytes_in_another_process(
        written: tuple[FakeRun, Path], tmp_path: Path) -> None:
    run, index = written
    code = ("import sys; from pathlib import Path; from evalkit.report.page import write_report; "
            "write_report(Path(sys.argv[1]), Path(sys.argv[2])); "
            "sys.exit(any(name in sys.modules for name in ('torch', 'evalkit.audio')))")
    subprocess.run([sys.executable, "-c", code, run.folder, tmp_path / "again"], check=True)
    files = sorted(p.relative_to(index.parent) for p in index.parent.rglob("*") if p.is_file())
    assert len(files) > 5
    for name in files:
        assert (tmp_path / "again" / name).read_bytes() == (index.parent / name).read_bytes()


def test_the_report_is_made_without_torch_and_importing_it_without_matplotlib() -> None:
    code = ("import sys, evalkit.report; "
            "sys.exit(any(name in sys.modules for name in ('torch', 'matplotlib', 'seaborn')))")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_numbers_are_those_of_the_scores(written: tuple[FakeRun, Path]) -> None:
    run, index = written
    page = Page(index)
    table = summarise(run.table())
    assert len(table) == 24
    intervals = headline_intervals(RunFolder(run.folder), table["metric"].unique())
    assert len(intervals) == 24
    for row in table.to_dict("records"):
        scale = 1 if row["metric"] == "pesq_wb" else 100
        low, high = intervals[row["pipeline"], row["condition"], row["metric"]]
        assert low < row["value"] < high
        unit = "MOS-LQO" if row["metric"] == "pesq_wb" else "%"
        assert [row["metric"], row["pipeline"], row["condition"], f"{scale * row['value']:.2f} "
                f"{scale * low:.2f} to {scale * high:.2f}", unit,
                str(row["n"]), "utterances", "0", str(row["n_speakers"])] in page.cells
    assert ["eer", "plain", "clean", "12.50", "%", "102", "trials", "0", "9"] in page.cells
    assert ["rtf", "plain", "clean", "0.050", "", "–", "", "0", "–"] in page.cells


def test_the_group_table_is_summed_from_the_utterances(written: tuple[FakeRun, Path]) -> None:
    run, index = written
    with (index.parent / "tables" / "groups.csv").open(encoding="utf-8") as file:
        table = {tuple(row[:3]): row[3:] for row in csv.reader(file)}
    scores = run.table().merge(run.utterances[["utterance_id", "accent"]])
    rows = scores[scores["metric"] == "wer"].groupby(["accent", "pipeline", "condition"])
    assert len(rows) == 12
    for key, part in rows:
        rate = 100 * part["amount"].sum() / part["weight"].sum()
        value, *others = table[key]  # three speakers are too few for an interval
        assert float(value) == pytest.approx(rate) and others == ["3", "6", "0", "60"]
    assert "No two groups are large enough to be compared." in Page(index).text


def test_what_was_run_is_said(written: tuple[FakeRun, Path]) -> None:
    page = Page(written[1])
    for fact in ("basic-1", "soxr 1.1.0 HQ", "torch 2.13.0", "0123456789abcdef", "ITU-T P.862.2",
                 "pyrnnoise 0.4.6", "what babble_5db does", "keep_audio: true", "every pair",
                 "Synthetic speech, never evidence about people."):
        assert fact in page.text
    assert "<strong>never</strong>" in page.source


def test_a_folder_that_cannot_be_made_is_named(fake_run: FakeRun, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_report(fake_run.write(), tmp_path / "file" / "report")


def test_groups_over_all_conditions_come_before_those_under_each(
        written: tuple[FakeRun, Path], tmp_path: Path) -> None:
    def conditions(page: Path, name: str) -> list[str]:
        with (page.parent / "tables" / f"{name}.csv").open(encoding="utf-8") as file:
            return [row["Condition"] for row in csv.DictReader(file)]

    assert conditions(written[1], "gaps") == ["all together"] * 2
    two = FakeRun(tmp_path / "two", tmp_path / "corpus", ["plain"], speakers=15)
    page = write_report(two.write(), tmp_path / "of_two")
    assert conditions(page, "differences") == ["all together"] * 3
    assert conditions(page, "differences-by-condition") == [*["clean"] * 3, *["babble_5db"] * 3]
    one = FakeRun(tmp_path / "run", tmp_path / "corpus", ["plain"], ["clean"], speakers=15)
    page = write_report(one.write(), tmp_path / "report")
    assert conditions(page, "differences") == ["clean"] * 3
    assert not (page.parent / "tables" / "differences-by-condition.csv").exists()


@pytest.mark.parametrize("by", ["accent", "<b>by</b>"])
def test_hostile_text_is_inert_wherever_it_stands(tmp_path: Path, by: str,
                                                  discovered: tuple[FakeRun, Path]) -> None:
    """Every string of the run is replaced by one that would break out, if any could."""
    run = hostile_run(tmp_path, by, discovered[0].folder)
    page = report(run, by=by)
    assert {"script", "img", "iframe", "b", "a"} & {tag for tag, _ in page.tags} == {
        "script", "b", "a"}
    assert "band 1 of" in page.text  # cohorts, too
    assert len(page.scripts) == 1
    assert all((a["href"] or "").startswith(("#", "tables/")) for a in page.of("a"))
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", page.source)
    assert "<script>alert(1)</script>" in page.text
    assert "$\\frac{1}{$ ${7*7} {{7*7}}" in page.text


def test_failures_are_counted_and_named(fake_run: FakeRun) -> None:
    for row in fake_run.scores:
        if row["metric"] == "pesq_wb" and row["pipeline"] == "rnnoise":
            row.update(amount=None, weight=None, error="NoUtterances: the reference is silent")
        if row["metric"] == "wer" and row["utterance_id"] == "u000" and row["pipeline"] == "plain":
            row.update(amount=None, weight=None, error="Crashed: the process died")
    page = report(fake_run)
    assert "18 of 48 failed: pesq_wb with rnnoise in babble_5db (NoUtterances: " in page.text
    silent = "NoUtterances: the reference is silent"
    assert ["rnnoise", "clean", "pesq_wb", silent, "18", "48"] in page.cells
    assert ["plain", "clean", "wer", "Crashed: the process died", "1", "48"] in page.cells
    assert ["utterance", "pesq_wb of rnnoise, clean", silent, "18", "–"] in page.cells
    assert ["Caribbean", "plain", "clean", "1", "16.7"] in page.cells
    assert ["pesq_wb", "rnnoise", "clean", "– (every measurement failed)", "MOS-LQO", "0",
            "utterances", "18", "0"] in page.cells
    groups = (page.path.parent / "tables" / "groups.csv").read_text(encoding="utf-8")
    assert re.search(r"^Caribbean,plain,clean,[\d.]+,3,5,1,50$", groups, re.MULTILINE)
    assert page.text.count("18 failed") == 4


def test_without_trials_or_efficiency(fake_run: FakeRun) -> None:
    fake_run.trials = []
    fake_run.info["trials"] = None
    page = report(fake_run)
    assert "Equal error rate" not in page.text and "verification trials" not in page.text


def test_without_groups(fake_run: FakeRun) -> None:
    fake_run.utterances = fake_run.utterances.drop(columns=["accent", "gender"])
    page = report(fake_run)
    assert not drawn(page, "figure")
    assert "it has no accent" in page.text
    assert "By accent" not in page.text


def test_an_enhancer_alone_is_judged_by_its_quality(tmp_path: Path) -> None:
    """Groups, tests, figures and examples for PESQ, where there are no word errors; the worst
    group and utterances are those of the lowest values."""
    run = FakeRun(tmp_path / "run", tmp_path / "corpus", speakers=15)
    speakers = dict(zip(run.utterances["speaker_id"], run.utterances["accent"], strict=True))
    run.scores = [row | {"amount": row["amount"] - (speakers[row["speaker_id"]] == "Scottish")}
                  for row in run.scores if row["metric"] == "pesq_wb"]
    run.outputs = [row | {"hypothesis": None, "alignment": None} for row in run.outputs]
    page = report(run)
    assert "PESQ, wideband is highest with" in page.text
    assert "It serves accent Scottish worst, at " in page.text
    assert "which is more than chance" in page.text
    assert drawn(page, "figure") == 2 and "PESQ, wideband by accent in clean" in page.text
    assert "Gap to the others, MOS-LQO" in page.text
    assert "Adjusted rate ratio" not in page.text and "Poisson" not in page.text
    with (page.path.parent / "tables" / "groups.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["accent"] == "Scottish" and len(rows) == 12
    values = pd.DataFrame(run.scores).merge(run.utterances[["utterance_id", "accent"]])
    means = values.groupby(["accent", "pipeline", "condition"])["amount"].mean()
    for row in rows:
        key = row["accent"], row["Pipeline"], row["Condition"]
        assert float(row["PESQ, wideband, MOS-LQO"]) == pytest.approx(means.loc[key])
    lowest = values.groupby("utterance_id")["amount"].min().min()
    worst = page.source.index('id="worst-1"')
    assert f"<b>{lowest:.2f} <bdi>MOS-LQO</bdi></b>" in page.source[worst:worst + 400]
    assert "The 10 utterances with the lowest PESQ, wideband" in page.text
    assert "kept no alignment" not in page.text and "errors" not in page.text[
        page.text.index("The 10 utterances"):page.text.index("What exactly", 3000)]


def test_other_metrics_are_compared_by_group_too(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run", tmp_path / "corpus", ["plain"], ["clean"], speakers=15)
    index = write_report(run.write(), tmp_path / "report")
    with (index.parent / "tables" / "other-metrics.csv").open(encoding="utf-8") as file:
        row, = csv.DictReader(file)
    means = run.table().query("metric == 'pesq_wb'").merge(
        run.utterances[["utterance_id", "accent"]]).groupby("accent")["amount"].mean()
    assert (row["Worst group"], row["Best group"]) == (means.idxmin(), means.idxmax())
    assert float(row["Worst value"]) == pytest.approx(means.min())
    assert float(row["Best value"]) == pytest.approx(means.max())
    assert float(row["Any gap, p"]) < 0.01


def test_a_gap_by_another_label_is_said_and_none_is_not(tmp_path: Path) -> None:
    """Accents differ, genders do not."""
    run = FakeRun(tmp_path / "run", tmp_path / "corpus", ["plain"], ["clean"], speakers=15)
    said = "the groups differ by more than chance (p adjusted for the number of labels"
    by_gender = write_report(run.write(), tmp_path / "by_gender", by="gender")
    with (by_gender.parent / "tables" / "other-columns.csv").open(encoding="utf-8") as file:
        row, = csv.DictReader(file)
    sums = run.table().query("metric == 'wer'").merge(
        run.utterances[["utterance_id", "accent"]]).groupby("accent")[["amount", "weight"]].sum()
    rates = 100 * sums["amount"] / sums["weight"]
    assert (row["By"], row["Worst group"], row["Best group"]) == (
        "accent", rates.idxmax(), rates.idxmin())
    assert float(row["Worst value"]) == pytest.approx(rates.max())
    text = Page(by_gender).text
    assert f"By accent, {rates.idxmax()} has the worst word error rate with plain, over all" in text
    assert said in text and said not in Page(write_report(run.write(), tmp_path / "by_accent")).text


def test_an_empty_reference_among_the_worst_is_shown(fake_run: FakeRun) -> None:
    for row in fake_run.scores:
        if row["metric"] == "wer" and row["utterance_id"] == "u000":
            row.update(amount=9.0, weight=0.0)
    page = report(fake_run)
    start = page.text.index("The 10 utterances")
    assert "– (there is no reference) · 9 errors, reference length 0" in page.text[start:]


@pytest.mark.parametrize(("text", "heard"), [
    ("", "turn it off"), ("  ", "turn it off"), ("…!?", "turn it off"), ("\u200b", "turn it off"),
    ("", ""), (None, "turn it off")])
def test_a_report_of_an_utterance_without_a_word(tmp_path: Path, text: str | None, heard: str
                                                 ) -> None:
    rows = [{"id": f"u{i}", "speaker": f"s{i % 8}", "text": "turn it on"} for i in range(40)]
    rows[3]["text"] = text
    write_manifest(tmp_path / "m.jsonl", [
        {key: value for key, value in row.items() if value is not None} for row in rows])
    (tmp_path / "h.tsv").write_text("".join(
        f"u{i}\t{heard if i == 3 else 'turn it on'}\n" for i in range(40)))
    run = api.score(tmp_path / "m.jsonl", {"a": tmp_path / "h.tsv"}, tmp_path / "run")
    said = Page(write_report(run.path, tmp_path / "report")).text
    if text is None:
        assert "NoReference: the manifest has no text for it" in said
    elif heard:
        assert "– (there is no reference) · 3 errors, reference length 0" in said[
            said.index("with the highest word error rate"):]
    score, = (row for row in run.summary().scores if row.metric == "wer")
    assert score.value == (3 / 117 if heard and text is not None else 0)


def test_without_any_score_or_recording(fake_run: FakeRun) -> None:
    fake_run.scores, fake_run.trials = [], []
    fake_run.info["metrics"]["pesq_wb"] = replace(fake_run.info["metrics"]["pesq_wb"],
                                                  higher_is_better=None)
    page = report(fake_run)
    assert "nothing to compare groups by" in page.text
    assert "no utterance can be said to be the worst" in page.text
    assert not page.of("audio")


def test_where_everything_failed_the_page_says_so(fake_run: FakeRun) -> None:
    for row in fake_run.scores:
        row.update(amount=None, weight=None, error="Crashed: no memory")
    fake_run.trials = [row | {"value": None, "n": 0, "n_failed": 102} for row in fake_run.trials]
    page = report(fake_run)
    assert "18 of 48 failed" in page.text and "(Crashed: no memory)" in page.text
    assert not page.of("svg")


def test_a_report_gives_way_to_the_next_one(fake_run: FakeRun, tmp_path: Path) -> None:
    run, out = fake_run.write(audio=True), tmp_path / "out"
    write_report(run, out)
    stale = out / "audio" / "stale.wav"
    stale.write_bytes(b"")
    index = write_report(run, out)
    assert index == out.resolve() / "index.html" and index.is_file()
    assert not stale.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "out", "run"]


def test_a_folder_of_something_else_is_left_alone(fake_run: FakeRun, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("precious")
    with pytest.raises(ConfigError, match=r"thesis\.tex.*new folder"):
        write_report(fake_run.write(), tmp_path / "out")
    assert (tmp_path / "out" / "thesis.tex").read_text() == "precious"


def test_a_report_that_fails_leaves_the_old_one(fake_run: FakeRun, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = write_report(fake_run.write(), out).read_bytes()
    with pytest.raises(ConfigError, match=r"--by shoe_size.*accent, gender"):
        write_report(fake_run.folder, out, by="shoe_size")
    assert (out / "index.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run"]


@pytest.mark.parametrize("spoil", [{"metrics": []}, {"pipelines": 7}, {"corpus": {}},
                                   {"schema": 1}])
def test_a_run_folder_of_another_making_is_one_line(fake_run: FakeRun, tmp_path: Path,
                                                    spoil: dict[str, object]) -> None:
    path = fake_run.write() / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | spoil))
    with pytest.raises(RunError, match="make it again with `evalkit run`") as caught:
        write_report(fake_run.folder, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"run\.json"):
        write_report(tmp_path / "nothing", tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_a_report_travels(written: tuple[FakeRun, Path], tmp_path: Path) -> None:
    """Every recording that the page names is beside it, wherever it is put."""
    shutil.copytree(written[1].parent, tmp_path / "moved")
    sources = [audio["src"] or "" for audio in Page(tmp_path / "moved" / "index.html").of("audio")]
    assert len(sources) > 10
    assert all((tmp_path / "moved" / source).stat().st_size > 1000 for source in sources)
