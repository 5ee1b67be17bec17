"""What failed, is stale, or may not be read is said, and labels that are one are judged as one: of
hypotheses that were made elsewhere, by the functions that commands call."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import evalkit
from evalkit.store.runfolder import RunFolder
from evalkit.terminal import print_summary

Rows = list[dict[str, Any]]
WRONG, RIGHT = "turn off the light", "turn on the light"
SCORED = "mer, wer"


def corpus(n: int = 40) -> Rows:
    """Utterances of n / 2 speakers, those of side "l" heard wrongly."""
    return [{"id": f"u{i:02}", "text": RIGHT, "speaker": f"s{i // 2:02}",
             "side": "lr"[i // 2 % 2], "heard": (WRONG, RIGHT)[i // 2 % 2]} for i in range(n)]


def changed(n: int, **values: Any) -> Rows:
    """The corpus with other ``values`` of its first n utterances."""
    return [row | values if i < n else row for i, row in enumerate(corpus())]


def scored(folder: Path, rows: Rows, **options: Any) -> RunFolder:
    """The run of ``rows``, whose ``heard`` is the hypothesis, None for none."""
    with (folder / "m.jsonl").open("w") as manifest, (folder / "h.jsonl").open("w") as given:
        for row in rows:
            manifest.write(json.dumps({k: v for k, v in row.items() if k != "heard"}) + "\n")
            if row["heard"] is not None:
                given.write(json.dumps({"id": row["id"], "hypothesis": row["heard"]}) + "\n")
    return evalkit.score(folder / "m.jsonl", {"asr": folder / "h.jsonl"}, folder / "run", **options)


@pytest.mark.parametrize(("rows", "line"), [
    (changed(19, heard=None), "19 of 40 failed: asr given {}: NoHypothesis: h.jsonl has none "
                              "(u00, u01, u02, u03, u04, …)"),
    (changed(1, heard=None), "1 of 40 failed: asr given {}: NoHypothesis: h.jsonl has none (u00)"),
    (changed(2, text=None), "2 of 40 failed: asr given {}: NoReference: the manifest has no text "
                            "for it (u00, u01)"),
    (changed(3, text="สวัสดีครับ"), "3 of 40 failed: asr given {}: NoWords: Thai writing does not "
     "part words by spaces; measure mixed_error_rate or cer (u00, u01, u02)"),
    (changed(3, text="你好", heard=None), "3 of 40 failed: asr given {}: NoHypothesis: h.jsonl has "
                                        "none (u00, u01, u02)")])
def test_why_there_is_no_value_is_printed_once(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: Rows, line: str) -> None:
    run = scored(tmp_path, rows, metrics=["wer"])
    print_summary(run.summary(), run.record().metrics)
    printed = [text for text in capsys.readouterr().out.splitlines() if "failed" in text]
    assert printed == [line.format(SCORED)]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which cohorts were looked for."""
    run = scored(tmp_path_factory.mktemp("searched"), corpus())
    evalkit.cohorts(run.path, finders=["declared"])
    return run.path


@pytest.mark.parametrize(("rows", "options"), [
    (changed(4, heard="on"), {}), (changed(4, side="q"), {}), (corpus(), {"normaliser": "none"}),
    (corpus(), {"metrics": ["cer"]}), (corpus(38), {"overwrite": True})],
    ids=["hypotheses", "labels", "normaliser", "metrics", "fewer utterances"])
def test_findings_of_what_was_measured_before_are_named_and_not_given(
        searched: Path, tmp_path: Path, rows: Rows, options: dict[str, Any]) -> None:
    shutil.copytree(searched, tmp_path / "run")
    assert scored(tmp_path, corpus()).findings() is not None
    run = scored(tmp_path, rows, **options)
    assert run.findings() is None
    stale, = run.stale()
    assert (stale.what, stale.where) == ("document", "findings.json")
    assert "computed from other tables than the run has now" in stale.why


@pytest.mark.parametrize("audio", [
    "../secret.wav", "a/../../secret.wav", "{outside}/secret.wav", "link/secret.wav"])
@pytest.mark.parametrize("field", ["audio", "reference_audio"])
def test_no_recording_outside_the_corpus_gets_into_a_run(
        tmp_path: Path, audio: str, field: str) -> None:
    (tmp_path / "secret.wav").write_bytes(b"RIFF secret")
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a").mkdir()
    (folder / "link").symlink_to(tmp_path)
    path = audio.replace("{outside}", str(tmp_path))
    run = scored(folder, [row | {field: path} for row in corpus(4)])
    item, = run.record().left_out
    assert (item.what, item.n) == ("recording", 4) and "--outside" in item.why
    assert run.utterances()[field].isna().all() and not run.record().config.outside


@pytest.mark.parametrize("written", [
    (31, 31.0, "31"), ("31", "３１", " 31 "), ("Co\u0302te d'Ivoire", "Côte d'Ivoire"),
    ("Scottish", "Scot\u200btish", "\u202eScottish\u202c"), (True, "TRUE", "true")], ids=str)
def test_a_gate_judges_all_of_a_group_however_it_is_written(
        tmp_path: Path, written: tuple[object, ...]) -> None:
    rows = [row | {"age": "other" if i % 4 == 3 else written[i % 4 % len(written)]}
            for i, row in enumerate(corpus(160))]
    run = scored(tmp_path, rows)
    (tmp_path / "gates.yaml").write_text(json.dumps({"gates": [
        {"metric": "wer", "scope": f"age={written[0]}"}]}))
    judged = evalkit.compare(run.path, run.path, gates=tmp_path / "gates.yaml").gates[0].checks[0]
    of_all = [row["heard"] == WRONG for row in rows if row["age"] != "other"]
    assert judged.base == pytest.approx(sum(of_all) / len(of_all) / 4)
