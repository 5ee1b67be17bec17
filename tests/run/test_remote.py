"""Recordings on other machines: fetched once, only where that is allowed, and never by a detour."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pandas as pd
import pytest

from evalkit.core.config import read_config
from evalkit.core.corpus import CorpusConfig
from evalkit.core.types import Utterance
from evalkit.corpora import fetching
from evalkit.corpora.fetching import fetched, name_of
from evalkit.corpora.gathering import gathered
from evalkit.run.utterances import read_corpus
from evalkit.store import remote
from evalkit.store.manifest import read_manifest, write_manifest
from evalkit.store.remote import refusal, shown, url_of
from tests.conftest import evalkit

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")
KEY = "X-Signature=abcSECRET"


def _fetched(utterances: list[Utterance], folder: Path) -> tuple[Any, Any]:
    return fetched(utterances, folder, "m.jsonl", lambda line: None)


class _Handler(SimpleHTTPRequestHandler):
    """Serves a folder, and what goes wrong on the way."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        name = self.path.partition("?")[0]
        if name == "/to-file.wav":
            self._answer(302, {"Location": "file:///etc/passwd"})
        elif name == "/denied.wav":
            self._answer(403, {})
        elif name == "/cut.wav":
            self._answer(200, {"Content-Length": "1000"}, b"RIFF")
        elif name == "/empty.wav":
            self._answer(200, {"Content-Length": "0"})
        else:
            super().do_GET()

    def _answer(self, code: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(code)
        for pair in headers.items():
            self.send_header(*pair)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on the console."""


@pytest.fixture
def served(tiny_corpus: Path) -> Iterator[str]:
    """The address that the folder of the tiny corpus is served at."""
    _Handler.asked.clear()
    handler = partial(_Handler, directory=str(tiny_corpus.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _remote(manifest: Path, address: str) -> Path:
    """A manifest elsewhere, of which all recordings are on the server but for one that is here."""
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    folder = manifest.parent.parent / "elsewhere"
    folder.mkdir()
    write_manifest(folder / "test.jsonl", [
        row | {"audio": f"{address}/{row['audio']}?{KEY}"} for row in rows])
    (folder / "eval.yaml").write_text(
        "{corpus: test.jsonl, conditions: [{name: x, gain: 40}], metrics: [si_sdr], "
        "pipelines: [{name: bare}], shard_size: 6}")
    return folder / "test.jsonl"


def test_a_run_of_urls_is_that_of_the_files_and_fetches_them_once(tiny_corpus: Path, served: str
                                                                  ) -> None:
    manifest = _remote(tiny_corpus, served)
    folder = manifest.parent
    refused = evalkit("run", folder / "eval.yaml", "--out", folder / "none")
    assert refused.returncode == 2 and not _Handler.asked
    assert "is on another machine; `remote: FOLDER` in eval.yaml fetches it" in refused.stderr
    (tiny_corpus.parent / "eval.yaml").write_text((folder / "eval.yaml").read_text())
    scores = []
    for config, out, words in ((folder, "run", ("--set", "remote=kept")),
                               (tiny_corpus.parent, "local", ())):
        done = evalkit("run", config / "eval.yaml", "--out", folder / out, "--workers", 0, *words)
        assert done.returncode == 0, done.stderr
        scores.append(pd.concat(map(pd.read_parquet, sorted((folder / out / "scores").iterdir()))))
    pd.testing.assert_frame_equal(*scores)
    again = read_corpus(read_config(folder / "eval.yaml", ["remote=kept"]))
    assert {u.audio.parent for u in again.utterances if u.audio} == {folder / "kept"}
    assert sorted(_Handler.asked) == sorted(f"/audio/{n}.wav?{KEY}" for n in range(12))
    assert len(list((folder / "kept").iterdir())) == 12
    for path in (*(folder / "run").rglob("*"), *(folder / "kept").iterdir()):
        assert "SECRET" not in path.name and (path.is_dir() or b"SECRET" not in path.read_bytes())
    assert "SECRET" not in refused.stderr + done.stderr + done.stdout


def test_what_cannot_be_fetched_is_named_and_costs_itself_alone(
        tiny_corpus: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, names = tiny_corpus.parent / "kept", ("gone", "denied", "cut", "empty", "to-file")
    asked = [Utterance(name, Path(url_of(f"{served}/{name}.wav?{KEY}") or "")) for name in names]
    good = Utterance("good", tiny_corpus, reference_audio=Path(f"{served}/audio/1.wav"))
    found, left_out = _fetched([*asked, good], folder)
    why = {name.rpartition("/")[2]: item.why for item in left_out for name in item.names}
    assert why["gone.wav"] == "could not be fetched: there is none"
    assert {item.where for item in left_out} == {"m.jsonl"}
    assert any(item.names == (f"gone at {served}/gone.wav",) for item in left_out)
    assert "NonHttpUrlRedirect" in why["to-file.wav"]
    assert "403" in why["denied.wav"] and "empty" in why["empty.wav"]
    assert why.keys() == {f"{name}.wav" for name in names}
    assert "SECRET" not in str(left_out) and not any("root:" in str(item) for item in left_out)
    assert [u.audio.is_file() for u in found if u.audio] == [False] * 5 + [True]
    assert found[-1].audio == tiny_corpus and found[-1].reference_audio is not None
    sound = (tiny_corpus.parent / "audio/1.wav").read_bytes()
    assert found[-1].reference_audio.read_bytes() == sound
    assert len(list(folder.iterdir())) == 1
    monkeypatch.setattr(fetching, "LARGEST", 1000)
    _, (large,) = _fetched([Utterance("large", Path(f"{served}/audio/2.wav"))], folder)
    assert "it has more than 1,000 bytes" in large.why


def test_a_file_system_whose_package_is_missing_costs_its_recordings(
        tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    here, there = Utterance("a", tiny_corpus), Utterance("b", Path("gs://bucket/x.wav"))
    found, (lost,) = _fetched([here, there], tmp_path / "kept")
    assert found[0] == here and len(found) == 2
    assert "gs:// needs a package" in lost.why and lost.why.endswith("pip install gcsfs")


@pytest.mark.parametrize(("url", "why"), [
    ("file:///etc/passwd", "file:// is no file system of another machine; there are abfs"),
    ("FILE:/etc/passwd", "file:// is no file system"), ("local://etc/passwd", "local:// is no"),
    ("simplecache::file:///etc/passwd", "chains file systems (::)"),
    ("zip://a.wav::https://h/x.zip", "chains file systems (::)"),
    ("https://h/x::file:///etc/passwd", "chains file systems (::)"),
    ("memory://a.wav", "memory:// is no"), ("http://[::1/x.wav", "is no URL (Invalid IPv6 URL)"),
    ("s3://[::1]/x.wav", "chains file systems"), ("http://[::1]:80/x.wav", None),
    ("https://user:pass@h/a.wav?key=1", None),
    ("s3://bucket/a b/ü.flac", None), ("gs://bucket/a.flac", None)])
def test_only_other_machines_are_asked_and_nothing_by_a_detour(url: str, why: str | None,
                                                               tmp_path: Path) -> None:
    found = url_of(url)
    assert found is not None
    for each in (found, url_of(tmp_path / Path(url)) or ""):
        said = refusal(each, allowed=True)
        assert said is None if why is None else said is not None and why in said
    write_manifest(tmp_path / "m.jsonl", [{"id": "u", "audio": url}])
    for allowed in (False, True):
        read = read_manifest(tmp_path / "m.jsonl", outside=True, remote=allowed)
        assert len(read.utterances) == (allowed and why is None)
    text = read_manifest(tmp_path / "m.jsonl", texts_only=True)
    assert not any(u.audio for u in text.utterances)
    assert "pass" not in shown(found).replace("passwd", "") and "key=1" not in shown(found)


def test_urls_that_are_not_fetched_are_a_line_of_the_ledger_together(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [
        {"id": str(n), "audio": f"https://h/{n}.wav"} for n in range(50)] + [
        {"id": "none", "audio": "http://"}])
    many, one = read_manifest(tmp_path / "m.jsonl").left_out
    assert (many.n, one.n) == (50, 1) and "remote: FOLDER" in many.why
    assert one.why == "audio: a URL that names no server; write http://SERVER/PATH"


def test_a_server_that_is_silent_is_waited_for_once_and_progress_is_said(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"CONNECTING": 0.5, "SILENCE": 0.5, "TOLD": 0.0}.items():
        monkeypatch.setattr(fetching, name, seconds)
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as silent, (
            socket.create_server(("127.0.0.1", 0))) as other:
        Thread(target=_answers, args=(other, b"SSH-2.0-OpenSSH\xff\r\n"), daemon=True).start()
        ports = [silent.getsockname()[1]] * 40 + [other.getsockname()[1]]
        asked = [Utterance(str(n), Path(f"{scheme}://127.0.0.1:{port}/{n}.wav"))
                 for n, (port, scheme) in enumerate(zip(ports, ["http", "https"] * 20 + ["http"],
                                                        strict=True))]
        started = time.monotonic()
        _, left_out = fetched(asked, tmp_path / "kept", "m.jsonl", said.append)
        assert time.monotonic() - started < 2
    why = {item.why.partition(": ")[2]: item.n for item in left_out}
    assert why == {"its server does not answer in time": fetching.AT_ONCE,
                   "its server did not answer in time for another, and was not asked again": 32,
                   "BadStatusLine: 400, message: Bad status line: Expected HTTP/, RTSP/ or ICE/": 1}
    assert said[0] == f"fetching 41 recordings into {tmp_path / 'kept'}" and len(said) > 2


def _answers(server: socket.socket, text: bytes) -> None:
    while True:
        connection, _ = server.accept()
        connection.sendall(text)


@pytest.mark.parametrize("path", ["a/b.wav", "/a/b.wav", "c:/b.wav", "a:b/c.wav", "../x.wav"])
def test_a_file_is_no_url(path: str) -> None:
    assert url_of(path) is None


def test_any_file_system_of_fsspec_is_read_and_by_every_reader(
        tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "SCHEMES", {*remote.SCHEMES, "memory"})
    sound = (tiny_corpus.parent / "audio/3.wav").read_bytes()
    with fsspec.open("memory://evalkit-test/c/3.wav", "wb") as file:
        file.write(sound)
    source = tmp_path / "nemo.jsonl"
    source.write_text(json.dumps({"audio_filepath": "memory://evalkit-test/c/3.wav", "text": "on"}))
    corpus = CorpusConfig(reader="nemo", path=source)
    (utterance,), () = _fetched([*gathered(corpus, remote=True).utterances], tmp_path / "kept")
    assert (utterance.id, utterance.text) == ("3", "on")
    assert utterance.audio == tmp_path / "kept" / name_of("memory://evalkit-test/c/3.wav")
    assert utterance.audio.suffix == ".wav" and utterance.audio.read_bytes() == sound
    prepared = evalkit("corpus", "prepare", "nemo", source, "--out", tmp_path / "out.jsonl")
    assert prepared.returncode == 0, prepared.stderr
    assert json.loads((tmp_path / "out.jsonl").read_text())["audio"] == (
        "memory://evalkit-test/c/3.wav")
    begun = evalkit("init", tmp_path / "out.jsonl", "--out", tmp_path / "eval.yaml")
    assert begun.returncode == 0 and "remote: fetched" in (tmp_path / "eval.yaml").read_text()
