"""Corpora and run folders on an object store, a local server that speaks S3."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from evalkit.core.errors import RunError
from evalkit.store.objects import copy_of, here, share_here
from evalkit.store.remote import named
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit
from tests.run.conftest import KEYS, SECRET
from tests.run.runs import tables

pytestmark = pytest.mark.usefixtures("outside")


def names(store: Any) -> dict[str, int]:
    found = store.list_objects_v2(Bucket="speech")["Contents"]
    return {item["Key"]: item["Size"] for item in found}


def test_a_corpus_and_its_run_on_an_object_store(tiny_corpus: Path, tmp_path: Path, store: Any,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    for path in tiny_corpus.parent.rglob("*.*"):
        store.upload_file(str(path), "speech", f"sets/tiny/{path.relative_to(tiny_corpus.parent)}")
    settings = tmp_path / "eval.yaml"
    settings.write_text(json.dumps({
        "corpus": "s3://speech/sets/tiny/test.jsonl", "remote": "fetched", "metrics": ["wer"],
        "conditions": ["clean"], "pipelines": [{"name": "plain", "recognizer": "level"}]}))
    url = "s3://speech/runs/v1"
    done = evalkit("run", settings, "--out", url, "-j", 0)
    assert done.returncode == 0, done.stderr
    assert f"-> {url}" in done.stderr and f"files brought to {url}" in done.stderr
    assert f"run folder: {url}\n" in done.stderr
    (tiny_corpus.parent / "eval.yaml").write_text(settings.read_text())
    beside = evalkit("run", tiny_corpus.parent / "eval.yaml", "--out", tmp_path / "local", "-j", 0,
                     "--set", f"corpus={tiny_corpus}")
    assert beside.returncode == 0, beside.stderr
    run, local = here(url), RunFolder(tmp_path / "local")
    assert run == copy_of(url) and RunFolder(run).scores().equals(local.scores())
    assert RunFolder(run).record().corpus.name == "tiny"
    there = {name: size for name, size in names(store).items() if name.startswith("runs/v1/")}
    assert there == {f"runs/v1/{path.relative_to(run)}": path.stat().st_size
                     for path in run.rglob("*") if path.is_file() and path.name[0] != "."}
    monkeypatch.setenv("EVALKIT_COPIES", str(tmp_path / "another machine"))
    page = evalkit("report", url, "--out", tmp_path / "page")
    assert page.returncode == 0 and (tmp_path / "page" / "index.html").exists(), page.stderr
    assert evalkit("groups", url, "--by", "accent").returncode == 0
    assert tables(here(url)).keys() < tables(run).keys()  # what only a run that goes on reads
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in path.read_bytes() for path in everything)
    assert SECRET not in done.stderr + done.stdout + page.stderr
    _what_is_not_there_is_one_line(settings, store, monkeypatch)


def _what_is_not_there_is_one_line(settings: Path, store: Any, monkeypatch: pytest.MonkeyPatch
                                   ) -> None:
    def said(*words: object) -> str:
        done = evalkit(*words)
        assert done.returncode == 2 and "Traceback" not in done.stderr
        return done.stderr.rpartition("error: ")[2].rstrip("\n")

    none = said("run", settings, "--out", "s3://absent/run", "-j", 0)
    assert none.startswith("s3://absent/run: there is no such bucket or file; make the bucket")
    assert said("report", "s3://speech/runs/none", "--out", "page").startswith(
        "s3://speech/runs/none: holds no finished run")
    lost = said("run", settings, "--out", "x", "--set", "corpus=s3://speech/none.jsonl")
    assert lost.startswith("s3://speech/none.jsonl: there is no such bucket or file")
    where = said("run", settings, "--out", "x", "--set", "remote=null")
    assert "`remote: FOLDER` in eval.yaml fetches it" in where
    with pytest.raises(RunError, match="is no file system of another machine"):
        here("file:///etc/run")
    import s3fs

    for key in KEYS:
        monkeypatch.delenv(key)
    s3fs.S3FileSystem.clear_instance_cache()
    refused = said("report", "s3://speech/runs/v1", "--out", "page")
    assert refused.startswith("s3://speech/runs/v1: access is refused; keys are taken from")
    assert "\n" not in refused


def test_a_run_that_is_brought_again_leaves_nothing_of_the_last(
        store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.jsonl").write_text('{"id": "a", "text": "on", "speaker": "s"}\n')
    (tmp_path / "v.tsv").write_text("a\ton\n")
    words = ("score", "-m", tmp_path / "m.jsonl", "-y", tmp_path / "v.tsv", "-o", "s3://speech/run")
    assert evalkit(*words).returncode == 0
    first = names(store)
    beside = ("run/notes.txt", "run/v2/run.json")  # of somebody else
    for name in beside:
        store.put_object(Bucket="speech", Key=name, Body=b"{}")
    (tmp_path / "v.tsv").write_text("a\toff\n")
    assert evalkit(*words).returncode == 0
    scores = [{name for name in each if name.startswith("run/scores/")}
              for each in (first, names(store))]
    assert len(scores[0]) == len(scores[1]) == 1 and scores[0] != scores[1]
    assert names(store).keys() >= {*beside}
    monkeypatch.setenv("EVALKIT_COPIES", str(tmp_path / "another machine"))
    (tmp_path / "other.jsonl").write_text('{"id": "b", "text": "on", "speaker": "s"}\n')
    (tmp_path / "v.tsv").write_text("b\toff\n")
    words = ("score", "-m", tmp_path / "other.jsonl", *words[3:])
    before, refused = names(store), evalkit(*words)
    assert refused.returncode == 2 and "--overwrite" in refused.stderr, refused.stderr
    assert names(store) == before
    assert evalkit(*words, "--overwrite").returncode == 0


def test_no_key_leads_out_of_the_copy(store: Any, tmp_path: Path) -> None:
    for name in ("run.json", f"/{tmp_path}/absolute", "../../../above", "scores/../../../above"):
        store.put_object(Bucket="speech", Key=f"odd/{name}", Body=b"{}")
    copy = here("s3://speech/odd")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [copy / "run.json"]


def test_what_a_store_says_of_a_url_names_no_keys(store: Any) -> None:
    with pytest.raises(RunError, match="could not be used") as refused:
        here("s3://me:secret@speech/run?key=hidden")
    assert "secret" not in str(refused.value) and "hidden" not in str(refused.value)


def test_keys_in_a_url_are_not_said() -> None:
    assert named(Path("s3://me:secret@speech/run?key=secret")) == "s3://speech/run"
    assert named(Path("runs/v1")) == "runs/v1"
    assert copy_of("s3://me:secret@speech/run?key=secret").name == "run"


def test_shards_on_an_object_store_are_merged_to_one_run(
        store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.jsonl").write_text("".join(
        f'{{"id": "{name}", "text": "on", "speaker": "s"}}\n' for name in "abc"))
    (tmp_path / "v.tsv").write_text("a\ton\nb\toff\nc\ton\n")
    given = ("score", "-m", tmp_path / "m.jsonl", "-y", tmp_path / "v.tsv", "-o")
    parts = [f"s3://speech/part.{n}" for n in (1, 2)]
    for n, part in enumerate(parts, 1):
        done = evalkit(*given, part, "--shard", f"{n}/2")
        assert done.returncode == 0, done.stderr
        assert f"shard {n}/2: {part}\n" in done.stderr
    monkeypatch.setenv("EVALKIT_COPIES", str(tmp_path / "another machine"))

    def refused(*words: object) -> str:
        done = evalkit(*words)
        assert done.returncode == 2 and "Traceback" not in done.stderr
        return done.stderr.rpartition("error: ")[2].rstrip("\n")

    assert refused("groups", parts[1], "--by", "accent") == (
        f"{parts[1]}: holds shard 2/2 of a run, of all of which `evalkit merge` makes one")
    assert "holds no shard of a run" in refused("merge", parts[0], "s3://speech/none", "-o", "x")
    assert refused(*given, parts[0], "--shard", "2/2").endswith(
        "holds shard 1/2; give each shard a folder of its own, such as part.1.2, or --overwrite")
    before = names(store)
    assert "is one of the shards" in refused("merge", *parts, "-o", parts[0])
    assert names(store) == before
    merged = evalkit("merge", *parts, "--out", "s3://speech/run")
    assert merged.returncode == 0, merged.stderr
    assert "run folder: s3://speech/run\n" in merged.stderr
    whole = evalkit(*given, tmp_path / "whole")
    assert whole.returncode == 0 and tables(here("s3://speech/run")) == tables(tmp_path / "whole")
    other = copytree(share_here(parts[0]), tmp_path / "other")
    assert refused("merge", *parts, "-o", other).endswith(
        "makes one; give the run a folder of its own, or --overwrite")
    assert "holds shard 1/2; go on with it by --shard 1/2" in refused(*given, parts[0])
    assert evalkit(*given, parts[0], "--overwrite").returncode == 0
    assert not any(name.endswith("part.1/portion.json") for name in names(store))
    assert "holds a whole run, no shard of one" in refused("merge", *parts, "-o", "x")
