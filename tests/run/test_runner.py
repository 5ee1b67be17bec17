"""Whole runs with quick plug-ins: resuming, isolation, determinism, accounting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evalkit.core.errors import ConfigError, ManifestError, PluginError
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.run.given import score
from evalkit.run.runner import Work, run
from evalkit.run.utterances import utterance_table
from evalkit.store.manifest import write_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import tone
from tests.run.runs import config, tables

pytestmark = pytest.mark.usefixtures("outside")

def test_the_number_of_workers_changes_nothing(tiny_corpus: Path, tmp_path: Path) -> None:
    run(config(tiny_corpus), tmp_path / "here", Work(0))
    run(config(tiny_corpus), tmp_path / "there", Work(2))
    assert tables(tmp_path / "here") == tables(tmp_path / "there")


@pytest.mark.parametrize("workers", [0, 2])
def test_progress_is_said_where_there_is_no_terminal(
        tiny_corpus: Path, tmp_path: Path, workers: int) -> None:
    said: list[str] = []
    folder = run(config(tiny_corpus, shard_size=1, metrics=["wer"]), tmp_path / "run",
                 Work(workers), say=said.append)
    total = 4 * len(folder.utterances())
    done = [int(line.split()[0]) for line in said[1:]]
    assert len(done) == 10 and done == sorted(set(done)) and done[-1] == total
    assert f"{done[0]} of {total} utterances, " in said[1] and said[1].endswith("0 failed")


def test_a_finished_run_that_is_asked_for_again_says_that_nothing_has_changed(
        tiny_corpus: Path, tmp_path: Path) -> None:
    def said(**changes: object) -> str:
        lines: list[str] = []
        run(config(tiny_corpus, metrics=["wer"], conditions=["clean"], **changes),
            tmp_path / "run", say=lines.append)
        return lines[0]

    first, again, other = said(), said(), said(seed=1)
    n = first.split(": ")[1].split()[0]
    assert again == (f"nothing has changed since 12 utterances were scored here: 0 shards to do, "
                     f"{n} done before; all was read again to know it, and run.json is written "
                     "anew")
    assert other.startswith("12 utterances x ") and f": 0 shards to do, {n} done" in other


def test_a_killed_run_goes_on_and_ends_the_same(tiny_corpus: Path, tmp_path: Path) -> None:
    def go(out: Path, kill_all_at: int) -> subprocess.CompletedProcess[bytes]:
        pipelines = [{"name": "plain", "encoder": "bands", "recognizer": {
            "name": "level", "kill_all_at": kill_all_at, "marker": str(tmp_path / "killed")}}]
        tree = {"corpus": "test.jsonl", "pipelines": pipelines, "metrics": ["wer"],
                "shard_size": 2}
        (tiny_corpus.parent / "eval.yaml").write_text(json.dumps(tree))
        return subprocess.run(
            [Path(sys.executable).parent / "evalkit", "run", tiny_corpus.parent / "eval.yaml",
             "--out", out, "-j", "1"], start_new_session=True, check=False, capture_output=True)

    length = round((0.8 + 0.05 * 7) * 16_000)
    assert go(tmp_path / "a", length).returncode == -9
    done = len(list((tmp_path / "a" / "scores").glob("*.parquet")))
    assert 1 <= done < 6 and not (tmp_path / "a" / "run.json").exists()
    again = go(tmp_path / "a", length)
    assert again.returncode == 0
    assert f" to do, {done} done before".encode() in again.stderr
    go(tmp_path / "b", -1)
    assert tables(tmp_path / "a") == tables(tmp_path / "b")


def test_a_process_that_dies_costs_one_utterance(tiny_corpus: Path, tmp_path: Path) -> None:
    died = round((0.8 + 0.05 * 6) * 16_000)
    pipelines = [{"name": "plain", "recognizer": {"name": "level", "die_at": died}}]
    folder = run(config(tiny_corpus, pipelines=pipelines, metrics=["wer"], conditions=["clean"]),
                 tmp_path / "run", Work(2))
    errors = folder.scores().query("metric == 'wer'").set_index("utterance_id")["error"]
    assert errors["u6"].startswith("Crashed: ")
    assert errors.drop("u6").isna().all() and len(errors) == 12
    kept = list((tmp_path / "run" / "outputs" / "recognised").iterdir())
    assert len(kept) == 3  # of the shard with the crash apart from the others
    assert len(list((tmp_path / "run" / "outputs" / "ended").iterdir())) == 1


def test_a_model_that_raises_costs_one_utterance(tiny_corpus: Path, tmp_path: Path) -> None:
    odd = round((0.8 + 0.05 * 3) * 16_000)
    pipelines = [{"name": "plain", "recognizer": {"name": "level", "raise_at": odd}}]
    folder = run(config(tiny_corpus, pipelines=pipelines, conditions=["clean"]), tmp_path / "run")
    table = folder.scores()
    assert set(table[table["error"].notna()]["utterance_id"]) == {"u3"}
    (error,) = set(table["error"].dropna())
    assert error.startswith("RuntimeError: odd length (systems.py, line ")
    row = next(row for row in folder.summary().scores if row.metric == "wer")
    assert (row.n, row.n_failed, row.n_speakers) == (11, 1, 4)


def test_what_failed_has_no_part_in_the_real_time_factor(tiny_corpus: Path, tmp_path: Path
                                                         ) -> None:
    system = {"name": "level", "raise_at": round(0.9 * 16_000)}
    folder = run(config(tiny_corpus, conditions=["clean"], metrics=["wer"], pipelines=[
        {"name": "some", "recognizer": system},
        {"name": "none", "recognizer": {"name": "command", "run": "false {input}"}}]),
        tmp_path / "run", Work(0))
    row, = folder.summary().efficiency
    done = folder.outputs().query("pipeline == 'some' and error.isna()", engine="python")
    assert len(done) == 11
    assert (row.pipeline, row.seconds) == ("some", pytest.approx(done["seconds"].sum()))


def test_bad_audio_costs_its_own_rows(tiny_corpus: Path, tmp_path: Path) -> None:
    audio = tiny_corpus.parent / "audio"
    (audio / "0.wav").unlink()
    (audio / "1.wav").write_bytes(b"RIFF, but no more than that")
    soundfile.write(audio / "2.wav", np.zeros(0, np.float32), 16_000)
    soundfile.write(audio / "3.wav", np.full(16_000, np.nan, np.float32), 16_000, "FLOAT")
    (audio / "4.wav").write_bytes(b"")
    soundfile.write(audio / "5.wav", np.zeros(16_800, np.float32), 16_000)
    folder = run(config(tiny_corpus), tmp_path / "run")
    outputs = folder.outputs().query("pipeline == 'plain' and condition == 'clean'")
    kinds = outputs.set_index("utterance_id")["error"].str.split(":").str[0]
    assert kinds[["u0", "u1", "u2", "u3", "u4", "u5"]].tolist() == [
        "MissingAudio", "CorruptAudio", "EmptyAudio", "NotFinite", "EmptyAudio", "NoSpeech"]
    assert kinds[[f"u{i}" for i in range(6, 12)]].isna().all()
    empty = [f for f in folder.summary().failures if f.kind == "EmptyAudio"]
    assert empty and all(f.n == 2 and f.why.endswith("; one of 2 different reasons") for f in empty)
    trials = next(row for row in folder.summary().trials if row.metric == "eer")
    assert trials.n + trials.n_failed == 12 * 11 // 2 and trials.n == 6 * 5 // 2


def test_a_silent_enhancer_or_nan_is_a_failure(tiny_corpus: Path, tmp_path: Path) -> None:
    pipelines = [{"name": "nan", "enhancer": {"name": "late", "nan": True}, "recognizer": "level"}]
    folder = run(config(tiny_corpus, pipelines=pipelines, conditions=["clean"]), tmp_path / "run")
    assert folder.scores()["error"].str.startswith("NotFinite").all()


def test_output_is_aligned_to_its_input(tiny_corpus: Path, tmp_path: Path) -> None:
    pipelines = [{"name": "late", "enhancer": {"name": "late", "delay_ms": 25, "stated_ms": 10}}]
    folder = run(config(tiny_corpus, pipelines=pipelines, metrics=["stoi", "si_sdr"],
                        conditions=["clean"]), tmp_path / "run")
    assert folder.outputs()["lag_ms"].tolist() == pytest.approx([25.0] * 12)
    assert folder.scores().query("metric == 'stoi'")["amount"].min() > 0.98


def test_only_what_changed_is_done_again(tiny_corpus: Path, tmp_path: Path) -> None:
    first = run(config(tiny_corpus), tmp_path / "run")
    assert first.record().timings.shards_reused == 0
    soundfile.write(tiny_corpus.parent / "audio" / "0.wav", tone(0.9), 16_000)
    again = run(config(tiny_corpus, conditions=["clean"]), tmp_path / "run")
    assert again.record().timings.shards == 6  # two pipelines x three shards
    assert again.record().timings.shards_reused == 4
    assert set(again.scores()["condition"]) == {"clean"}


def test_summary_is_the_ratio_of_sums(tiny_corpus: Path, tmp_path: Path) -> None:
    folder = run(config(tiny_corpus), tmp_path / "run")
    rows = folder.scores().query("pipeline == 'plain' and condition == 'hum' and metric == 'wer'")
    shown = next(row for row in folder.summary().scores if row.metric == "wer"
                 and row.pipeline == "plain" and row.condition == "hum")
    assert shown.value == rows["amount"].sum() / rows["weight"].sum()
    parts = folder.scores().query("metric in ('wer.substitutions', 'wer.deletions', "
                                  "'wer.insertions') and pipeline == 'plain'")
    whole = folder.scores().query("metric == 'wer' and pipeline == 'plain'")
    assert parts["amount"].sum() == whole["amount"].sum()


def test_metrics_that_say_nothing_are_left_away(tiny_corpus: Path, tmp_path: Path) -> None:
    folder = run(config(tiny_corpus, pipelines=[{"name": "mute", "encoder": "bands"}],
                        metrics=["wer", "stoi", "hypothesis_length"]), tmp_path / "run")
    table = folder.scores()
    assert set(zip(table["condition"], table["metric"], strict=True)) == {("hum", "stoi")}


@pytest.mark.parametrize(("changes", "error", "words"), [
    ({"pipelines": [{"name": "x", "recognizer": "levl"}]}, PluginError, "did you mean 'level'"),
    ({"pipelines": [{"name": "x", "recognizer": {"name": "level", "rat": 1}}]}, ConfigError,
     "no option 'rat'; it takes rate, .*; did you mean 'rate'"),
    ({"pipelines": [{"name": "x", "recognizer": "needs_absent_package"}]}, PluginError,
     "pip install a_package_that_nobody_has"),
    ({"metrics": ["wer"], "normaliser": "loud"}, ConfigError, "whisper_english"),
    ({"pipelines": [{"name": "../x"}]}, ConfigError, "pipelines.0.name"),
    ({"pipelines": [{"name": "x"}, {"name": "x"}]}, ConfigError, "two pipelines are named 'x'"),
    ({"pipeline": []}, ConfigError, "no key 'pipeline' here; did you mean 'pipelines'"),
])
def test_mistakes_stop_the_run_before_it_starts(
        tiny_corpus: Path, tmp_path: Path, changes: dict[str, Any], error: type[Exception],
        words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        run(config(tiny_corpus, **changes), tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "run.json").exists()


def test_an_empty_manifest_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text("nonsense\n")
    with pytest.raises(ManifestError, match=r"m\.jsonl:1: line: is not JSON"):
        run(config(tmp_path / "m.jsonl"), tmp_path / "run")


def test_score_needs_no_audio(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [
        {"id": "a", "text": "turn on the light", "speaker": "s"},
        {"id": "b", "text": "", "speaker": "s"}, {"id": "c", "text": "stop", "speaker": "t"}])
    (tmp_path / "h.jsonl").write_text(
        '{"id": "a", "hypothesis": "turn the lights"}\n{"id": "b", "pred_text": "uh"}\n'
        '{"id": "zz", "hypothesis": "who"}\n')
    folder = score(tmp_path / "m.jsonl", {"mine": tmp_path / "h.jsonl"}, tmp_path / "run",
                   metrics=["wer"], normaliser="none")
    row = next(r for r in folder.summary().scores if r.metric == "wer")
    assert (row.value, row.n, row.n_failed) == (3 / 4, 2, 1)
    failed = folder.scores().query("utterance_id == 'c' and metric == 'wer'")["error"].item()
    assert failed.startswith("NoHypothesis")
    assert folder.record().left_out == [LeftOut("hypothesis", str(tmp_path / "h.jsonl"),
                                                "no such utterance in the manifest",
                                                names=("zz",))]


def test_score_loads_neither_torch_nor_audio_packages(tiny_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "h.tsv").write_text("u0\ton\n")
    check = ("import sys; from pathlib import Path; from evalkit.run.given import score; "
             "score(Path(sys.argv[1]), {'x': Path(sys.argv[2])}, Path(sys.argv[3]), "
             "metrics=['wer'], normaliser='basic'); "
             "print({'torch', 'librosa', 'matplotlib', 'pesq'} & set(sys.modules))")
    result = subprocess.run([sys.executable, "-c", check, tiny_corpus, tmp_path / "h.tsv",
                             tmp_path / "run"], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_metadata_becomes_columns_whatever_it_is() -> None:
    table = utterance_table([
        Utterance("a", metadata={"age": 3, "text": "mine", "blank": None, "big": 2**70}),
        Utterance("b", speaker="s", metadata={"age": "old", "flag": True})], Path())
    assert table.to_pylist() == [
        {"utterance_id": "a", "speaker_id": None, "audio": None, "reference_audio": None,
         "text": None, "offset": 0.0, "duration": None, "age": "3", "metadata.text": "mine",
         "blank": None, "big": str(2**70), "flag": None},
        {"utterance_id": "b", "speaker_id": "s", "audio": None, "reference_audio": None,
         "text": None, "offset": 0.0, "duration": None, "age": "old", "metadata.text": None,
         "blank": None, "big": None, "flag": True}]


def test_a_dask_scheduler_does_the_same(tiny_corpus: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    os.environ["DASK_DISTRIBUTED__WORKER__DAEMON"] = "False"
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False,
                                  dashboard_address=None) as cluster:
        run(config(tiny_corpus), tmp_path / "dask", Work(scheduler=cluster.scheduler_address))
    run(config(tiny_corpus), tmp_path / "here", Work(0))
    assert tables(tmp_path / "dask") == tables(tmp_path / "here")


def test_the_folder_reads_back(tiny_corpus: Path, tmp_path: Path) -> None:
    folder = RunFolder(run(config(tiny_corpus), tmp_path / "run").path)
    assert folder.record().metrics["wer"].unit == "%"
    assert {"wip", "eer"} <= set(folder.record().metrics)
    assert folder.utterances()["accent"].tolist()[:2] == ["north", "south"]
    first = folder.outputs().query("pipeline == 'late' and condition == 'hum'").iloc[0]
    assert soundfile.info(folder.audio(first["output_audio"])).samplerate == 16_000
    assert first["resampled"] == "16000>48000, 48000>16000"


ALL = {"partly", "partly.share", "other"}
"""Names of the metric ``partly`` that every utterance has."""


@pytest.mark.parametrize("given", [
    {"partly"}, {"partly.share"}, {"other", "rare"}, {"partly", "partly.share", "other"},
    {"partly", "partly.share", "other", "rare"}])
def test_names_that_a_metric_does_not_give_have_failed(tiny_corpus: Path, tmp_path: Path,
                                                       given: set[str]) -> None:
    folder = run(config(tiny_corpus, conditions=["clean"], metrics=[
        {"name": "partly", "of": " ".join(sorted(given))}], pipelines=[
            {"name": "plain", "recognizer": "level"}]), tmp_path / "run")
    table = folder.scores()
    errors = table.dropna(subset="error")
    assert set(table["metric"]) == given | ALL and len(table) == 12 * len(given | ALL)
    assert dict(errors.groupby("metric")["error"].agg("first")) == {
        name: f"NotMeasured: partly gave no measurement of {name!r}" for name in ALL - given}
    rows = {row.metric: (row.n, row.n_failed) for row in folder.summary().scores}
    assert all(rows[name] == ((12, 0) if name in given else (0, 12)) for name in given | ALL)
    assert {(f.kind, f.n, f.of) for f in folder.summary().failures} == (
        {("NotMeasured", 12, 12)} if ALL - given else set())
