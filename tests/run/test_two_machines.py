"""Run folders on an object store that two machines read and write, each with copies of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import evalkit as api
from evalkit.core.errors import RunError
from evalkit.store.lock import locked
from evalkit.store.objects import copy_of, here
from tests.conftest import evalkit

URL = "s3://speech/runs/v2"
At = Callable[..., str]


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Any) -> At:
    """Does a command on a machine, with the exit code that is expected, and gives what it said."""
    def machine(name: str, *words: object, code: int = 0) -> str:
        monkeypatch.setenv("EVALKIT_COPIES", str(tmp_path / f"copies{name}"))
        done = evalkit(*words, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr and "copies" not in done.stderr + done.stdout
        return done.stdout + done.stderr.rpartition("error: ")[2] if code else done.stderr

    return machine


def corpus(folder: Path, name: str, *ids: str) -> tuple[object, ...]:
    """Writes a manifest and hypotheses; the words that score them."""
    speakers = {each: f"s{number % 6}" for number, each in enumerate(ids)}
    (folder / f"{name}.jsonl").write_text("".join(
        json.dumps({"id": each, "text": "on the way", "speaker": speaker,
                    "accent": "north" if speaker < "s3" else "south"}) + "\n"
        for each, speaker in speakers.items()))
    (folder / f"{name}.tsv").write_text("".join(
        f"{each}\ton the {'way' if number % 3 else 'ray'}\n" for number, each in enumerate(ids)))
    return ("score", "-m", folder / f"{name}.jsonl", "-y", f"sys={folder / f'{name}.tsv'}",
            "-j", 0)


@pytest.fixture
def small(tmp_path: Path) -> tuple[object, ...]:
    return corpus(tmp_path, "small", *(f"a{n}" for n in range(36)))


def objects(store: Any, start: str = "runs/v2/") -> dict[str, bytes]:
    found = store.list_objects_v2(Bucket="speech", Prefix=start).get("Contents", [])
    return {item["Key"]: store.get_object(Bucket="speech", Key=item["Key"])["Body"].read()
            for item in found}


def test_a_run_that_changed_there_is_read_again(store: Any, at: At, small: tuple[object, ...]
                                                ) -> None:
    at("A", *small, "-o", URL)
    at("B", "groups", URL, "--by", "accent")
    copy = copy_of(URL)
    mine = copy / "mitigation" / "mine" / "notes.txt"
    beside = copy.parent / "beside.parquet"
    mine.parent.mkdir(parents=True)
    for path in (mine, beside):
        path.write_text("made here")
    (copy / "scores" / "linked.parquet").symlink_to(beside)
    before = {path.name for path in (copy / "scores").iterdir()}
    at("A", *small, "-o", URL, "--metric", "wer", "--normaliser", "none")
    at("B", "groups", URL, "--by", "accent")
    there = {name.rpartition("/")[2] for name in objects(store, "runs/v2/scores/")}
    assert {path.name for path in (copy / "scores").iterdir()} == there and not there & before
    assert mine.read_text() == beside.read_text() == "made here"


def test_nothing_goes_from_under_who_works_in_a_copy(at: At, small: tuple[object, ...]) -> None:
    at("A", *small, "-o", URL)
    with locked(copy_of(URL), "run"):
        said = at("A", "groups", URL, "--by", "accent", code=2)
    assert said.startswith(f"{URL}: `evalkit run` (process ") and "works in it; wait" in said


def test_the_run_of_another_corpus_there_is_not_overwritten(
        store: Any, at: At, tmp_path: Path, small: tuple[object, ...]) -> None:
    other = corpus(tmp_path, "mid", *(f"b{n}" for n in range(8)))
    at("A", *small, "-o", URL)
    refused = at("B", *other, "-o", URL, code=2)
    assert refused.startswith(f"{URL}: holds a run of corpus ") and "--overwrite" in refused
    at("B", *other, "-o", URL, "--overwrite")
    there = objects(store)
    said = at("A", *small, "-o", URL, code=2)
    assert said.startswith(f"{URL}: holds a run of corpus ") and "(8 utterances)" in said
    assert objects(store) == there
    at("A", *small, "-o", URL, "--overwrite")
    at("B", "groups", URL, "--by", "accent")
    assert len(api.read_run(URL).utterances()) == 36


def damaged(content: bytes) -> bytes:
    return content[:9] + bytes([content[9] ^ 1]) + content[10:]


def test_a_damaged_copy_is_fetched_again(store: Any, at: At, small: tuple[object, ...],
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    at("A", *small, "-o", URL)
    (name, content), = objects(store, "runs/v2/scores/").items()
    store.put_object(Bucket="speech", Key=name, Body=damaged(content))
    said = at("B", "groups", URL, "--by", "accent", code=2)
    assert said.startswith(f"s3://speech/{name}: is not as it was written: its checksum differs")
    at("A", *small, "-o", URL)
    assert objects(store)[name] == content
    at("B", "groups", URL, "--by", "accent")
    for path in (copy_of(URL) / "scores" / Path(name).name, copy_of(URL) / "summary.json"):
        path.write_bytes(damaged(whole := path.read_bytes()))
        at("B", "groups", URL, "--by", "accent")
        assert path.read_bytes() == whole


def test_versions_on_a_store_are_compared(at: At, tmp_path: Path, small: tuple[object, ...]
                                          ) -> None:
    later = "s3://speech/runs/v3"
    at("A", *small, "-o", URL)
    (heard := tmp_path / "small.tsv").write_text(heard.read_text().replace("way", "day", 5))
    at("A", *small, "-o", later)
    for words in (("compare", URL, later, "--json", tmp_path / "c.json"),
                  ("compare", URL, later, "--base-run", URL), ("history", URL, later),
                  ("history", later, "--baseline", URL), ("plan", "--gap", 2, "--from", URL),
                  ("plan", "--change", 2, "--from", later, "--base", URL)):
        at("B", *words, code=2 if "--base-run" in words else 0)
    assert "copies" not in (tmp_path / "c.json").read_text()
    twice = at("B", "compare", URL, later, "--base-run", URL, code=2)
    assert twice.startswith(f"{URL}: is given twice")
    at("B", "compare", "s3://speech/none", later, "--json", tmp_path / "c.json", code=2)
    assert "holds no finished run" in (tmp_path / "c.json").read_text()
    assert at("B", "merge", URL, URL, "-o", "x", code=2).startswith(f"{URL}: holds a whole run")


def test_a_run_there_is_scored_anew_and_brought_again(store: Any, at: At,
                                                      small: tuple[object, ...]) -> None:
    at("A", *small, "-o", URL)
    assert f"files brought to {URL}" in at("B", "score", URL, "--metric", "wer")
    at("A", "groups", URL, "--by", "accent")
    assert "cer" not in api.read_run(URL).record().metrics
    assert "holds no finished run" in at("B", "score", "s3://speech/none", code=2)


def test_what_takes_no_url_says_so(at: At, tmp_path: Path, small: tuple[object, ...]) -> None:
    at("A", *small, "-o", URL)
    page, file = "s3://speech/page", "s3://speech/file"
    for words in (("report", URL, "--out", page), (*small, "-o", "x", "--report", page)):
        assert at("A", *words, code=2).startswith(
            f"{page}: a page is written into a folder of this machine")
    for words in (("history", URL, "--out", file), ("compare", URL, URL, "--json", file)):
        assert f"{file} is a URL; give a file of this machine" in at("A", *words, code=2)
    for words in (small, ("trials", tmp_path / "small.tsv")):
        assert at("A", *words, "-o", "s3://", code=2).startswith(
            "s3://: a URL that names no server; write s3://SERVER/PATH")
    assert not list(tmp_path.rglob("*:"))


@pytest.fixture
def closed(store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Lets the server refuse what writes."""
    http = store.server._server
    answers = http.app

    def refusing(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environment["REQUEST_METHOD"] in {"GET", "HEAD"}:
            return answers(environment, start)  # type: ignore[no-any-return]
        start("403 Forbidden", [("Content-Type", "application/xml")])
        return [b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"]

    yield lambda: monkeypatch.setattr(http, "app", refusing)


def test_a_store_that_takes_no_writes_is_known_before_the_work(
        at: At, tmp_path: Path, small: tuple[object, ...], closed: Callable[[], None]) -> None:
    at("A", *small, "-o", URL)
    closed()
    for words in ((*small, "-o", "s3://speech/new"), ("score", URL, "--metric", "wer")):
        said = at("B", *words, code=2)
        assert "nothing can be written there: access is refused; keys are taken from" in said
    assert not list(tmp_path.glob("copiesB/*"))
    at("B", "groups", URL, "--by", "accent")


def test_a_store_that_is_closed_meanwhile_leaves_a_whole_copy(
        at: At, tmp_path: Path, small: tuple[object, ...], closed: Callable[[], None],
        monkeypatch: pytest.MonkeyPatch, store: Any) -> None:
    def run() -> None:
        closed()

    monkeypatch.setenv("EVALKIT_COPIES", str(tmp_path / "kept"))
    with pytest.raises(RunError, match="could not be brought there: access is refused") as why:
        api.score(small[2], {"sys": tmp_path / "small.tsv"}, URL, say=lambda line: run())
    assert str(why.value).startswith(f"{URL}: the run is whole in {copy_of(URL).parent}, ")
    assert (copy_of(URL) / "run.json").exists() and here(copy_of(URL)) == copy_of(URL)
