"""A run's folder tells the truth about itself: damages, other runs, two writers, stale findings."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from benchmarks.hostile import damages
from evalkit.core.errors import ConfigError, RunError
from evalkit.core.files import write
from evalkit.report.page import write_report
from evalkit.run import runner
from evalkit.run.given import score
from evalkit.run.occupied import check_folder
from evalkit.run.plan import Plan
from evalkit.run.record import corpus as told_of
from evalkit.run.rescore import rescore
from evalkit.store.documents.begun import BEGUN, Begun
from evalkit.store.lock import HOLDER, locked
from evalkit.store.manifest import Manifest
from evalkit.store.runfolder import RunFolder


def scored(folder: Path, corpus: str, out: Path, heard: str = "turn", *, overwrite: bool = False,
           say: Callable[[str], None] = lambda line: None) -> RunFolder:
    (folder / corpus).mkdir(exist_ok=True)
    manifest, hypotheses = folder / corpus / "m.jsonl", folder / corpus / "h.tsv"
    manifest.write_text("".join(json.dumps(
        {"id": f"{corpus}{i}", "text": "turn on", "speaker": f"s{i}"}) + "\n" for i in range(3)))
    hypotheses.write_text("".join(f"{corpus}{i}\t{heard}\n" for i in range(3)))
    return score(manifest, {"x": hypotheses}, out, metrics=["wer"], normaliser="none",
                 overwrite=overwrite, say=say)


def test_another_corpus_gives_way_only_when_told(tmp_path: Path) -> None:
    scored(tmp_path, "a", tmp_path / "run")
    with pytest.raises(RunError, match=r"corpus a \(3 utterances\) by `evalkit score`; give"):
        scored(tmp_path, "b", tmp_path / "run")
    assert set(scored(tmp_path, "b", tmp_path / "run", overwrite=True).scores()["utterance_id"]
               ) == {"b0", "b1", "b2"}


def test_a_folder_that_a_reader_reads_is_the_same_corpus_again(
        tiny_corpus: Path, tmp_path: Path) -> None:
    """From the run's beginning on, before it has any table."""
    root = tiny_corpus.parent
    again = Manifest(root, (), (), (), folder=root)
    Begun(command="run", corpus=told_of(mock.Mock(corpus_digest=""), again)).write(tmp_path / BEGUN)
    check_folder(tmp_path, "run", again, overwrite=False)
    with pytest.raises(RunError, match="holds a run of corpus corpus"):
        check_folder(tmp_path, "run", Manifest(tmp_path, (), (), (), folder=tmp_path),
                     overwrite=False)


def test_damages_are_named_and_mended(tmp_path: Path) -> None:
    run = scored(tmp_path, "a", tmp_path / "run")
    before = run.scores()
    path = next((run.path / "scores").iterdir())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(RunError, match=path.name):
        run.scores()
    said: list[str] = []
    assert scored(tmp_path, "a", run.path, say=said.append).scores().equals(before)
    assert any(line.startswith("1 damaged shard made again: ") for line in said)


@pytest.mark.parametrize("name", ["summary.json", "outputs.parquet", "trials.parquet",
                                  "outputs/index.parquet", "embeddings.parquet"])
def test_a_file_of_another_run_is_named_and_made_again(tmp_path: Path, name: str) -> None:
    run, other = (scored(tmp_path, "a", tmp_path / out, heard)
                  for out, heard in (("run", "turn"), ("other", "turn on")))
    before, file = (run.path / name).read_bytes(), run.path / name
    changed = (other.path / name).read_bytes()
    file.write_bytes(changed if changed != before else before[:-1])
    said: list[str] = []
    scored(tmp_path, "a", run.path, say=said.append)
    assert any(f"file made again: {run.path / name}".replace(f"{run.path}/", "") in line
               for line in said), said
    assert name == "outputs.parquet" or file.read_bytes() == before


def test_the_summary_of_another_run_is_not_shown(tmp_path: Path) -> None:
    run, other = (scored(tmp_path, "a", tmp_path / out, heard)
                  for out, heard in (("run", "turn"), ("other", "turn on")))
    (run.path / "summary.json").write_bytes((other.path / "summary.json").read_bytes())
    with pytest.raises(RunError, match=r"summary.json: not the one that this run wrote"):
        run.summary()


def test_an_index_of_another_run_is_not_scored(tmp_path: Path) -> None:
    """Its outputs are in the folder, where two configurations were run in it."""
    run = scored(tmp_path, "a", tmp_path / "run", "turn on")
    index = run.path / "outputs" / "index.parquet"
    before = index.read_bytes()
    scored(tmp_path, "a", run.path, "turn")
    index.write_bytes(before)
    with pytest.raises(RunError, match=r"index.parquet: is not of the run in run.json"):
        rescore(run.path)


def test_a_run_of_an_earlier_version_is_made_again_and_said(tmp_path: Path) -> None:
    run = scored(tmp_path, "a", tmp_path / "run")
    before, tree = run.scores(), json.loads((run.path / "run.json").read_text())
    del tree["tables"]
    (run.path / "run.json").write_text(json.dumps(tree | {"schema": 2}))
    said: list[str] = []
    scored(tmp_path, "a", run.path, say=said.append)
    assert any("1 file made again: run.json: schema 2, this evalkit reads 5" in line
               for line in said)
    assert run.scores().equals(before)


def test_a_whole_rescore_makes_findings_stale(tmp_path: Path) -> None:
    """The page names them and shows none of their cohorts."""
    world = damages.World(tmp_path)
    world.make()
    run = RunFolder(world.undisturbed)
    assert run.findings() is not None
    rescore(run.path, normaliser="none", metrics=["wer"], manifest=_corrected(world.folder))
    assert run.findings() is None
    page = write_report(run.path, tmp_path / "report", by="accent").read_text()
    assert "computed from other tables than the run has now" in page
    assert 'id="cohorts"' not in page


def _corrected(folder: Path) -> Path:
    """The transcripts with a word that nobody heard."""
    path = folder / "corrected.jsonl"
    path.write_text((folder / "test.jsonl").read_text().replace("it on", "it off"))
    return path


def test_tables_that_no_run_has_made_stay(tmp_path: Path) -> None:
    (tmp_path / "run" / "scores").mkdir(parents=True)
    (tmp_path / "run" / "scores" / "mine.parquet").write_text("mine")
    with pytest.raises(RunError, match=r"mine.parquet: was made by no run of this folder"):
        scored(tmp_path, "a", tmp_path / "run")


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path / "run", "run"), pytest.raises(RunError, match=r"`evalkit run` \(process"):
        scored(tmp_path, "a", tmp_path / "run")


def test_who_was_sooner_keeps_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run begins and ends after this one has found the folder empty."""
    plan = runner.make_plan

    def slowly(*arguments: Any) -> Plan:
        monkeypatch.setattr(runner, "make_plan", plan)
        scored(tmp_path, "b", tmp_path / "run")
        return plan(*arguments)

    monkeypatch.setattr(runner, "make_plan", slowly)
    with pytest.raises(RunError, match=r"run: holds a run of corpus b \(3 utterances\)"):
        scored(tmp_path, "a", tmp_path / "run")
    assert set(RunFolder(tmp_path / "run").scores()["utterance_id"]) == {"b0", "b1", "b2"}
    monkeypatch.setattr(runner, "make_plan", slowly)
    assert len(scored(tmp_path, "a", tmp_path / "run", overwrite=True).scores())


@pytest.mark.parametrize("host", ["another.machine", platform.node()])
def test_who_was_killed_works_no_more(tmp_path: Path, host: str) -> None:
    """Whether it was another machine's or has the number of this process, as the second process of
    a container that was started again has."""
    run = tmp_path / "run"
    with locked(run, "run"):
        left = json.loads((run / HOLDER).read_text()) | {"host": host}
    (run / HOLDER).write_text(json.dumps(left))
    scored(tmp_path, "a", run)
    assert not (run / HOLDER).exists()


def test_other_scores_are_another_digest(tmp_path: Path) -> None:
    first = scored(tmp_path, "a", tmp_path / "run").digest()
    assert scored(tmp_path, "a", tmp_path / "run").digest() == first
    assert scored(tmp_path, "a", tmp_path / "run", "off").digest() != first


def test_a_full_disk_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"cannot be written \(No space left"):
        write(Path("/dev/full"), b"x" * 100_000)


@pytest.mark.parametrize("tables", [{}, {"scores": "0"}, {"outputs.parquet": ""}])
def test_a_record_without_seals_is_refused_and_mended(tmp_path: Path, tables: dict[str, str],
                                                      ) -> None:
    run = scored(tmp_path, "a", tmp_path / "run")
    before, path = run.scores(), run.path / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tables": tables}))
    with pytest.raises(RunError, match=r"run.json: has no seal of \S+; run it again"):
        run.record()
    with pytest.raises(RunError, match="has no seal of"):
        rescore(run.path)
    said: list[str] = []
    assert scored(tmp_path, "a", run.path, say=said.append).scores().equals(before)
    assert any("1 file made again: run.json: has no seal of" in line for line in said)
