"""A finished run of texts that is asked for again is known by the bytes of what decided it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from evalkit.metrics.words import WordErrors
from evalkit.run import finished, given
from evalkit.run.given import score
from evalkit.store.documents.finished import FINISHED
from evalkit.store.runfolder import RunFolder


def world(folder: Path, **row: Any) -> Path:
    """What ``asked`` scores: two utterances, hypotheses, a card and rules."""
    (folder / "m.jsonl").write_text("".join(json.dumps(
        {"id": f"u{i}", "text": "turn it on", "speaker": f"s{i}"} | row) + "\n" for i in range(2)))
    (folder / "h.tsv").write_text("u0\tturn it on\nu1\tturn on\n")
    (folder / "rules.glm").write_text("it => that\n")
    (folder / "card.md").write_text("a card\n")
    return folder


def asked(folder: Path, **options: Any) -> tuple[RunFolder, bool]:
    """The run, and whether anything was read for it."""
    with mock.patch.object(given, "read_corpus", wraps=given.read_corpus) as read:
        run = score(folder / "m.jsonl", {"x": folder / "h.tsv"}, folder / "run",
                    **{"metrics": ["wer"], "glm": folder / "rules.glm"} | options)
    return run, read.called


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_read_or_written_again(tmp_path: Path) -> None:
    assert asked(world(tmp_path))[1]
    before, said = everything(tmp_path / "run"), list[str]()
    run, read = asked(tmp_path, workers=2, overwrite=True, say=said.append)
    assert not read and everything(run.path) == before
    assert said == ["nothing has changed since 2 utterances were scored here: 0 shards to do, 1 "
                    "done before"]


def test_what_was_read_again_is_not_said_to_be_as_it_was(tmp_path: Path) -> None:
    asked(world(tmp_path))
    (tmp_path / "run/outputs/finished.json").unlink()
    before, said = (tmp_path / "run/run.json").read_bytes(), list[str]()
    run, read = asked(tmp_path, say=said.append)
    assert read and (run.path / "run.json").read_bytes() != before
    assert said[-1] == ("nothing has changed since 2 utterances were scored here: 0 shards to do, "
                        "1 done before; all was read again to know it, and run.json is written "
                        "anew")


def rewritten(name: str, old: str, new: str) -> Callable[[Path], dict[str, Any]]:
    def change(folder: Path) -> dict[str, Any]:
        path = folder / name
        state, text = path.stat(), path.read_text()
        path.write_text(text.replace(old, new))
        assert len(new) == len(old) and text != path.read_text()
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
        return {}
    return change


def said(**options: Any) -> Callable[[Path], dict[str, Any]]:
    return lambda folder: options


CHANGES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "a text": rewritten("m.jsonl", "turn it on", "turn it by"),
    "a speaker": rewritten("m.jsonl", "s1", "s2"),
    "what was heard": rewritten("h.tsv", "u1\tturn on", "u1\tturn by"),
    "a rule": rewritten("rules.glm", "that", "this"),
    "the card": rewritten("card.md", "card", "pack"),
    "the normaliser": said(normaliser="none"),
    "the costs": said(costs="sclite"),
    "readings": said(alternatives=True),
    "another metric": said(metrics=["cer"]),
    "the usual metrics, of which the first is the same": said(metrics=[]),
    "no rules": said(glm=None),
    "columns that are places": said(places=["city"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_scored_again(tmp_path: Path, change: str) -> None:
    """And the run is the same as where none was before."""
    asked(world(tmp_path))
    options = CHANGES[change](tmp_path)
    run, read = asked(tmp_path, **options)
    assert read
    fresh = score(tmp_path / "m.jsonl", {"x": tmp_path / "h.tsv"}, tmp_path / "fresh",
                  **{"metrics": ["wer"], "glm": tmp_path / "rules.glm"} | options)
    assert run.scores().equals(fresh.scores())
    assert run.utterances().equals(fresh.utterances())
    assert run.record().corpus == fresh.record().corpus
    assert run.record().config == fresh.record().config
    assert not asked(tmp_path, **options)[1]


@pytest.mark.parametrize("change", ["version", "facts"])
def test_a_metric_that_has_changed_is_measured_again(tmp_path: Path, change: str,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    asked(world(tmp_path))
    was = getattr(WordErrors, change).fget
    other: Callable[[Any], Any] = {
        "version": lambda metric: was(metric) + " more",
        "facts": lambda metric: {**was(metric), "wer": replace(was(metric)["wer"], title="Words")},
    }[change]
    monkeypatch.setattr(WordErrors, change, property(other))
    assert asked(tmp_path)[1]


def test_what_is_not_as_it_was_written_is_made_again(tmp_path: Path) -> None:
    """Whatever file it is, cut or gone."""
    run, _ = asked(world(tmp_path))
    names = sorted(name for path in run.path.rglob("*") if path.is_file()
                   and (name := str(path.relative_to(run.path))).endswith((".parquet", ".json"))
                   and name not in ("outputs/begun.json", FINISHED))
    assert len(names) == 12
    for turn, name in enumerate(names):
        path = run.path / name
        before = path.read_bytes()
        path.unlink()
        if turn % 2:
            path.write_bytes(before[:-1])
        assert asked(tmp_path)[1], name
        assert name == "run.json" or path.read_bytes() == before
        assert not asked(tmp_path)[1], name


@pytest.mark.parametrize("content", ["", "{}", '{"schema": 1, "asked": null, "left": ""}'])
def test_a_note_that_says_nothing_is_none(tmp_path: Path, content: str) -> None:
    run, _ = asked(world(tmp_path))
    (run.path / FINISHED).write_text(content)
    assert asked(tmp_path)[1] and not asked(tmp_path)[1]


def test_recordings_may_lead_elsewhere_without_a_byte_changed(tmp_path: Path) -> None:
    """Which only who looks at them sees; not where they may lead anywhere."""
    world(tmp_path, audio="a.wav")
    assert [asked(tmp_path)[1] for _ in range(2)] == [True, True]
    (tmp_path / "a.wav").symlink_to("/elsewhere.wav")
    run, _ = asked(tmp_path)
    assert run.utterances()["audio"].isna().all()
    assert [asked(tmp_path, outside=True)[1] for _ in range(2)] == [True, False]


def test_a_file_that_changes_while_it_is_scored_is_read_again(tmp_path: Path) -> None:
    world(tmp_path)
    right = given.run

    def late(*values: Any, **options: Any) -> RunFolder:
        rewritten("m.jsonl", "turn it on", "turn it by")(tmp_path)
        return right(*values, **options)

    with mock.patch.object(given, "run", late):
        asked(tmp_path)
    assert not (tmp_path / "run" / FINISHED).exists()
    assert [asked(tmp_path)[1] for _ in range(2)] == [True, False]


def test_tables_of_another_program_change_nothing_but_the_time(tmp_path: Path) -> None:
    run, _ = asked(world(tmp_path))
    before = run.scores()
    (run.path / "outputs" / "mine.parquet").write_bytes(b"mine")
    assert [asked(tmp_path)[1] for _ in range(2)] == [True, True]
    assert run.scores().equals(before)


def test_a_pipe_among_tables_keeps_nobody_waiting(tmp_path: Path) -> None:
    asked(world(tmp_path))
    os.mkfifo(tmp_path / "run" / "outputs" / "x.parquet")
    (tmp_path / "run" / FINISHED).unlink()
    os.mkfifo(tmp_path / "run" / FINISHED)
    for _ in range(2):
        assert asked(tmp_path)[1]


def test_tables_behind_a_link_are_looked_at_each_time(tmp_path: Path) -> None:
    asked(world(tmp_path))
    (stage,) = (tmp_path / "run" / "outputs").glob("recognised")
    stage.rename(tmp_path / "elsewhere").rename(tmp_path / "there")
    stage.symlink_to(tmp_path / "there")
    assert asked(tmp_path)[1]
    for path in (tmp_path / "there").iterdir():
        path.unlink()
    assert asked(tmp_path)[1] and [*(tmp_path / "there").iterdir()]


def test_of_two_runs_in_one_folder_the_last_alone_is_noted(tmp_path: Path) -> None:
    left = finished._left

    def after_another(out: Path) -> str:
        with mock.patch.object(finished, "_left", left):
            asked(tmp_path, normaliser="basic", overwrite=True)
        return left(out)

    with mock.patch.object(finished, "_left", after_another):
        asked(world(tmp_path), normaliser="none")
    assert asked(tmp_path, normaliser="none", overwrite=True)[1]


def test_a_share_is_no_finished_run(tmp_path: Path) -> None:
    world(tmp_path)
    assert [asked(tmp_path, shard="1/1")[1] for _ in range(2)] == [True, True]
    assert [asked(tmp_path, overwrite=True)[1] for _ in range(2)] == [True, False]
