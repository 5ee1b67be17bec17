"""Shards of a run that several processes make, and the run that they are merged into."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from evalkit import api
from evalkit.core.errors import ConfigError, RunError
from evalkit.run import runner
from evalkit.run.portions import Portion, moved
from evalkit.store.documents.portion import PORTION, PortionRecord
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit
from tests.run.runs import tables

pytestmark = pytest.mark.usefixtures("outside")
EVALKIT = Path(sys.executable).parent / "evalkit"
FAILS = round((0.8 + 0.05 * 6) * 16_000)
"""Samples of utterance u6, of which the recognizer makes nothing."""


def settings(manifest: Path, **changes: Any) -> Path:
    tree = {"corpus": manifest.name, "metrics": ["wer"], "shard_size": 3, "batch_check": 4,
            "conditions": ["clean", {"name": "hum", "noise": "stationary", "snr_db": 10}],
            "pipelines": [
                {"name": "plain", "encoder": "bands",
                 "recognizer": {"name": "level", "raise_at": FAILS, "batch": 2}},
                {"name": "late", "enhancer": {"name": "late", "rate": 48_000},
                 "recognizer": "level"}]} | changes
    path = manifest.with_name("eval.yaml")
    path.write_text(json.dumps(tree))
    return path


def refused(*words: object) -> str:
    """What is said by a command that cannot be carried out, in its one line."""
    done = evalkit(*words)
    assert done.returncode == 2, done.stdout
    return done.stderr.rpartition("error: ")[2].strip()


def stored(run: Path) -> dict[str, bytes]:
    """All that a run keeps of what cannot differ from machine to machine."""
    return {str(path.relative_to(run)): path.read_bytes() for kind in ("heard", "measured")
            for path in run.glob(f"outputs/{kind}/*")}


def untimed(run: Path) -> dict[str, Any]:
    """The summary without speeds."""
    return RunFolder(run).summary().model_dump(exclude={"efficiency", "enhancing", "recognising"})


def three_jobs(config: Path, out: Path) -> list[Path]:
    """The folders of three shards, made at once by three processes."""
    parts = [out.with_name(f"{out.name}.{n}") for n in (1, 2, 3)]
    jobs = [subprocess.Popen([EVALKIT, "run", config, "--out", part, "-j", "0", "--shard",
                              f"{n}/3"], stderr=subprocess.PIPE, text=True)
            for n, part in enumerate(parts, 1)]
    said = [job.communicate()[1] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0, 0], said
    # Four pieces in four cells, and with the first those that are heard alone, in two.
    assert [line.split("shard ")[1].split(" of")[0] for line in said] == [
        "1/3: 10", "2/3: 4", "3/3: 4"]
    return parts


def test_three_processes_make_what_one_makes(tiny_corpus: Path, tmp_path: Path) -> None:
    config, whole = settings(tiny_corpus), tmp_path / "whole"
    assert evalkit("run", config, "--out", whole, "-j", 0).returncode == 0
    parts = three_jobs(config, tmp_path / "part")
    merged = evalkit("merge", *parts, "--out", tmp_path / "run")
    assert merged.returncode == 0, merged.stderr
    assert tables(tmp_path / "run") == tables(whole)
    assert stored(tmp_path / "run") == stored(whole) and untimed(tmp_path / "run") == untimed(whole)
    record, other = (RunFolder(run).record() for run in (tmp_path / "run", whole))
    for name in ("config", "left_out", "batching", "conditions", "pipelines", "corpus"):
        assert getattr(record, name) == getattr(other, name), name
    assert not (tmp_path / "run" / PORTION).exists()
    assert "u6" in str(untimed(whole)["failures"])
    again = evalkit("run", config, "--out", tmp_path / "run", "-j", 0)
    assert "0 shards to do" in again.stderr
    _are_told_apart(parts, config, tmp_path)


def _are_told_apart(parts: list[Path], config: Path, place: Path) -> None:
    one, two, three = parts
    run, other = place / "none", place / "other"

    def merge(*folders: Path) -> str:
        return refused("merge", *folders, "--out", run)

    assert merge(one, three) == (f"{one}: of its 3 shards 2/3 is missing; give the folder of each, "
                                 "or make it with --shard")
    shutil.copytree(two, other)
    assert merge(*parts, other) == (f"{other}: is shard 2/3, which {two} is too; leave one of them "
                                    "out")
    assert f"{place / 'whole'}: holds a whole run, no shard of one" in merge(
        one, place / "whole")
    assert refused("report", one, "--out", run) == (
        f"{one}: holds shard 1/3 of a run, of all of which `evalkit merge` makes one")
    assert "is one of the shards" in refused("merge", *parts, "--out", two)
    assert "holds shard 1/3; give each shard a folder of its own" in refused(
        "run", config, "--out", one, "--shard", "2/3", "-j", 0)
    assert "holds a whole run; give shard 2/3 another folder" in refused(
        "run", config, "--out", place / "whole", "--shard", "2/3", "-j", 0)
    _changed(other, lambda share: {"of": 4})
    assert f"{other}: is shard 2/4, {one} shard 1/3" in merge(one, other, three)
    _changed(other, lambda share: {"of": 3, "plan": "0" * 32, "config": share.config | {"seed": 9}})
    assert f"{other}: is of another run than {one}: `seed` of its config" in merge(one, other)
    shutil.copy(two / PORTION, other)
    _changed(other, lambda share: {"done": False})
    assert f"{other}: shard 2/3 is not finished; start it again" in merge(one, other, three)
    assert refused("groups", other, "--by", "accent").endswith(
        "makes one; it is not finished, start it again with --shard 2/3")
    shutil.copy(two / PORTION, other)
    lost = min((other / "scores").iterdir())
    lost.unlink()
    assert merge(one, other, three) == (
        f"{other}: of shard 2/3 1 of 4 parts cannot be used ({lost}: is missing); start it again, "
        "it makes these alone")
    assert not run.exists()


def _changed(folder: Path, change: Callable[[PortionRecord], dict[str, Any]]) -> None:
    share = PortionRecord.read(folder / PORTION)
    share.model_copy(update=change(share)).write(folder / PORTION)


def test_tables_of_results_are_scored_in_shards(tiny_corpus: Path, tmp_path: Path) -> None:
    """Of which a corpus of less than a piece has one."""
    table = tmp_path / "results.csv"
    table.write_text("id,reference,prediction,user_ids\n" + "".join(
        f"u{n},turn it on,turn it {'on' if n % 3 else 'off'},s{n % 4}\n" for n in range(12))
        + "u1,once more,once more,s1\n")
    assert evalkit("score", table, "--out", tmp_path / "whole").returncode == 0
    parts = [tmp_path / "1", tmp_path / "2"]
    for number, part in enumerate(parts, 1):
        done = evalkit("score", table, "--out", part, "--shard", f"{number}/2")
        assert done.returncode == 0 and f"evalkit merge {part} OTHERS..." in done.stderr
    assert evalkit("merge", *parts, "--out", tmp_path / "run").returncode == 0
    assert tables(tmp_path / "run") == tables(tmp_path / "whole")
    lost, wanted = (RunFolder(tmp_path / run).record().left_out for run in ("run", "whole"))
    assert lost == wanted and lost[0].what == "row"
    for part in parts:
        shutil.rmtree(part)  # the run holds all that it needs
    assert evalkit("score", tmp_path / "run", "--metric", "cer").returncode == 0
    assert "--shard and --out away" in refused("score", tmp_path / "run", "--shard", "1/2")
    assert "give it to `evalkit merge`" in refused(
        "score", table, "--out", parts[0], "--shard", "1/2", "--report", tmp_path / "page")


def test_shards_of_several_corpora(tiny_corpus: Path, tmp_path: Path) -> None:
    settings(tiny_corpus, pipelines=[{"name": "plain", "recognizer": "level"}])
    config = tiny_corpus.with_name("eval.yaml")
    tree = json.loads(config.read_text())
    corpora = {"a": tree.pop("corpus"), "b": tiny_corpus.name}
    config.write_text(json.dumps({"corpora": corpora} | tree))
    words = ("run", config, "-j", 0, "--out")
    assert evalkit(*words, tmp_path / "whole").returncode == 0
    parts = [tmp_path / "1", tmp_path / "2"]
    for number, part in enumerate(parts, 1):
        assert evalkit(*words, part, "--shard", f"{number}/2").returncode == 0
    assert evalkit("merge", *parts, "--out", tmp_path / "run").returncode == 0
    for name in ("a", "b"):
        assert tables(tmp_path / "run" / name) == tables(tmp_path / "whole" / name)


def test_a_shard_that_was_killed_as_it_began_goes_on(tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.jsonl").write_text('{"id": "a", "text": "on", "speaker": "s"}\n')
    (tmp_path / "v.tsv").write_text("a\ton\n")
    make = partial(api.score, tmp_path / "m.jsonl", {"v": tmp_path / "v.tsv"}, tmp_path / "1",
                   shard="1/1")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(runner, "resumed", Mock(side_effect=KeyboardInterrupt))
        make()
    assert not PortionRecord.read(tmp_path / "1" / PORTION).done
    make()
    (kept,) = (tmp_path / "1" / "scores").iterdir()
    there = kept.rename(tmp_path / kept.name)  # a share may have links instead of files
    kept.symlink_to(f"../../{there.name}")
    merged = tmp_path / "made" / "of" / "it"
    api.merge([tmp_path / "1"], merged)
    assert (merged / "scores" / kept.name).samefile(there)


def test_a_shard_and_a_whole_run_give_way_only_when_asked(tmp_path: Path) -> None:
    """In one folder; the second of two shards of a run of one piece is told that it has nothing."""
    (tmp_path / "m.jsonl").write_text('{"id": "a", "text": "on", "speaker": "s"}\n')
    (tmp_path / "v.tsv").write_text("a\ton\n")
    out, said = tmp_path / "run", list[str]()
    make = partial(api.score, tmp_path / "m.jsonl", {"v": tmp_path / "v.tsv"}, out, say=said.append)
    make(shard="2/2")
    assert "nothing to do for shard 2/2: the corpus has fewer pieces than there are shards" in said
    with pytest.raises(RunError, match=r"run: holds shard 2/2; go on with it by --shard 2/2, or "):
        make()
    assert PortionRecord.read(out / PORTION).done and not (out / "run.json").exists()
    make(overwrite=True)
    assert RunFolder(out).record() and not (out / PORTION).exists()
    with pytest.raises(RunError, match="holds a whole run; give shard 1/2 another folder, or "):
        make(shard="1/2")
    said.clear()
    make(shard="1/2", overwrite=True)
    assert PortionRecord.read(out / PORTION).share == "1/2" and not (out / "run.json").exists()
    assert not any("nothing to do" in line for line in said)
    make(shard="2/2", overwrite=True)
    assert PortionRecord.read(out / PORTION).share == "2/2"


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "a/b", "-1/3", "1/3/4", "١/٣"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="must be I/N, I from 1 to N, such as 2/3"):
        Portion.parsed(text)


def test_paths_of_a_folder_alone_are_moved() -> None:
    tree = {"a": "/runs/1/given/m.jsonl", "b": ["/runs/10/x", "/runs/1", 3, None]}
    assert moved(tree, "/runs/1", "{run}") == {
        "a": "{run}/given/m.jsonl", "b": ["/runs/10/x", "/runs/1", 3, None]}


def test_a_shard_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    said = refused("merge", tmp_path / "s.1", tmp_path / "s.2", tmp_path / "s.2", "--out",
                   tmp_path / "run")
    assert "s.2: is given twice; name each shard once" in said


@pytest.mark.parametrize(("name", "old", "new", "what"), [
    ("m.jsonl", '"on"', '"of"', "the rows of .*m.jsonl, .*, 2 now"),
    ("m.jsonl", '{"id": "b"', '{"id": "c", "text": "on"}\n{"id": "b"',
     "the rows of .*2 utterances then, 3 now"),
    ("v.tsv", "on", "of", "a system, or a file of its")])
def test_a_shard_of_what_has_changed_says_what(tmp_path: Path, name: str, old: str, new: str,
                                               what: str) -> None:
    (tmp_path / "m.jsonl").write_text('{"id": "a", "text": "on"}\n{"id": "b", "text": "on"}\n')
    (tmp_path / "v.tsv").write_text("a\ton\nb\ton\n")
    api.score(tmp_path / "m.jsonl", {"v": tmp_path / "v.tsv"}, tmp_path / "1", shard="1/1")
    changed = tmp_path / name
    changed.write_text(changed.read_text().replace(old, new))
    with pytest.raises(RunError, match=f"1: shard 1/1 was made of what has changed since: {what}"):
        api.merge([tmp_path / "1"], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_shard_of_another_recording_says_so(tiny_corpus: Path, tmp_path: Path) -> None:
    config = settings(tiny_corpus, conditions=["clean"], pipelines=[
        {"name": "plain", "recognizer": "level"}])
    api.run_corpora(config, tmp_path / "1", shard="1/1")
    first, last = (tiny_corpus.parent / f"audio/{n}.wav" for n in (0, 11))
    shutil.copy(last, first)
    with pytest.raises(RunError, match="has changed since: a recording; bring that back as it was"):
        api.merge([tmp_path / "1"], tmp_path / "run")


def test_shards_of_two_manifests_say_so(tmp_path: Path) -> None:
    (tmp_path / "v.tsv").write_text("a\ton\nb\ton\n")
    for number, text in enumerate(("on", "of"), 1):
        (tmp_path / "m.jsonl").write_text(f'{{"id": "a", "text": "{text}"}}\n')
        api.score(tmp_path / "m.jsonl", {"v": tmp_path / "v.tsv"}, tmp_path / str(number),
                  shard=f"{number}/2")
    with pytest.raises(RunError, match=r"another run than .*1: the rows of m.jsonl, .* changed "
                                       r"between them \(1 utterances, and 1\); make it again"):
        api.merge([tmp_path / "1", tmp_path / "2"], tmp_path / "run")
