"""A recognizer behind OpenAI's contract of transcriptions, which a server of the test keeps."""

from __future__ import annotations

import email.policy
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evalkit.core.errors import ConfigError, SystemLostError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Audio, Hypothesis, Word
from evalkit.run.runner import run
from evalkit.systems import http
from tests.conftest import evalkit
from tests.run.runs import config

pytest.importorskip("urllib3")
SECRET = 'sk-very"secret/0123456789'
Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Asked:
    """What the server was asked."""

    path: str
    headers: dict[str, str]
    fields: dict[str, str]
    samples: np.ndarray
    rate: int


@dataclass
class Service:
    """Replies in turn, then the last for ever; a function is called with what is asked."""

    url: str = ""
    replies: list[Reply | Callable[[Asked], Reply]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    at_once: int = 0
    lock: Any = field(default_factory=threading.Lock)

    def answer(self, asked: Asked) -> Reply:
        with self.lock:
            self.asked.append(asked)
            reply = self.replies[min(len(self.asked), len(self.replies)) - 1]
        return reply(asked) if callable(reply) else reply


def says(status: int = 200, headers: dict[str, str] | None = None, **tree: Any) -> Reply:
    return status, headers or {}, json.dumps(tree).encode()


def read_form(headers: Any, body: bytes) -> tuple[dict[str, str], bytes]:
    """By Python's reader of mail: the same grammar."""
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    fields, recording = {}, b""
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename():
            assert (name, part.get_content_type()) == ("file", "audio/wav")
            recording = part.get_payload(decode=True)
        else:
            fields[name] = part.get_payload(decode=True).decode()
    return fields, recording


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service(replies=[says(text="turn on")])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fields, recording = read_form(self.headers, body)
            samples, rate = soundfile.read(io.BytesIO(recording), dtype="float32")
            status, headers, reply = service.answer(
                Asked(self.path, dict(self.headers), fields, samples, rate))
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(reply))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # who gave up waiting does not read the reply
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield service
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited between tries; nobody waits."""
    waited: list[float] = []
    monkeypatch.setattr(http.time, "sleep", waited.append)
    return waited


def recognizer(service: Service, **options: Any) -> Any:
    return create("recognizers", "http", {"url": service.url, "model": "m"} | options)


def audio(*lengths: int) -> list[Audio]:
    return [Audio(np.full(n, 0.25, np.float32), 16_000) for n in lengths]


def test_what_is_asked_and_heard(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", SECRET)
    service.replies = [says(text=" turn \n on", words=[{"word": "turn", "start": 0, "end": 0.5}])]
    made = recognizer(service, key="THE_KEY", language="en", prompt="näh", temperature=0)
    assert made.transcribe(audio(1600)) == [Hypothesis("turn on")]
    (asked,) = service.asked
    assert asked.path == "/v1/audio/transcriptions"
    assert asked.headers["Authorization"] == f"Bearer {SECRET}"
    assert asked.fields == {"model": "m", "language": "en", "prompt": "näh", "temperature": "0.0",
                            "response_format": "json"}
    assert (asked.rate, asked.samples.tolist()) == (16_000, [0.25] * 1600)


def test_words_are_asked_for(service: Service) -> None:
    service.replies = [says(text="turn on", language="english", words=[
        {"word": "turn", "start": 0.0, "end": 0.5}, {"word": "on", "start": 0.5, "end": 0.7}])]
    assert recognizer(service, words=True).transcribe(audio(9)) == [
        Hypothesis("turn on", (Word("turn", 0, 0.5), Word("on", 0.5, 0.7)))]
    assert service.asked[0].fields == {"model": "m", "response_format": "verbose_json",
                                       "timestamp_granularities[]": "word"}
    assert "Authorization" not in service.asked[0].headers


def test_requests_are_under_way_together(service: Service) -> None:
    together = threading.Barrier(4, timeout=10)

    def reply(asked: Asked) -> Reply:
        together.wait()
        return says(text=str(len(asked.samples)))

    service.replies = [reply]
    made = recognizer(service, batch=4).transcribe(audio(4, 3, 2, 1))
    assert made == [Hypothesis(text) for text in "4321"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_a_busy_service_is_asked_again(service: Service, pauses: list[float], status: int) -> None:
    service.replies = [*[says(status, error={"message": "busy"})] * 3, says(text="on")]
    assert recognizer(service).transcribe(audio(5)) == [Hypothesis("on")]
    assert pauses == [0.5, 1, 2] and len(service.asked) == 4


def test_it_waits_as_long_as_it_is_asked_to(service: Service, pauses: list[float]) -> None:
    date = formatdate(time.time() + 20, usegmt=True)
    service.replies = [*[says(429, {"Retry-After": after}) for after in ("7", "0", "soon", date)],
                       says(text="on")]
    assert recognizer(service).transcribe(audio(5)) == [Hypothesis("on")]
    assert pauses[:3] == [7, 0.5, 2.0] and 15 < pauses[3] <= 20


def test_patience_ends(service: Service, pauses: list[float]) -> None:
    service.replies = [says(429, {"Retry-After": "100"}, error={"message": "slow down"})]
    made = recognizer(service, patience_s=50).transcribe(audio(5))
    assert str(made[0]) == "ServiceBusy: 429 Too Many Requests: slow down" and not pauses
    service.replies = [says(503)]
    assert str(recognizer(service, patience_s=2, timeout_s=1).transcribe(audio(5))[0]) == (
        "ServiceBusy: 503 Service Unavailable: {}")
    assert pauses == [0.5, 1]


def test_a_time_out_is_tried_again(service: Service, pauses: list[float]) -> None:
    hanging = threading.Event()

    def hang(asked: Asked) -> Reply:
        hanging.wait(10)
        return says(text="late")

    service.replies = [hang, says(text="on")]
    assert recognizer(service, timeout_s=0.3).transcribe(audio(5)) == [Hypothesis("on")]
    hanging.set()
    assert pauses == [0.5]


@pytest.mark.parametrize(("reply", "error"), [
    (says(400, error={"message": "audio too\nshort"}),
     "ServiceRefused: 400 Bad Request: audio too short"),
    (says(413, error="too large"), "ServiceRefused: 413 "),
    ((302, {"Location": "http://127.0.0.1:1/steal"}, b""), "ServiceRefused: 302 Found"),
    ((200, {}, b"<html>hello"), "BadAnswer: the service replied '<html>hello'"),
    ((200, {}, b"[" * 100_000), "BadAnswer: the service replied '[["),
    ((200, {}, b"[]"), "BadAnswer: the service replied '[]'"),
    ((200, {}, b'{"text": 3}'), "BadAnswer: its answer has no text 'text'"),
    ((200, {}, b"\xff"), "BadAnswer: the service replied"),
    ((200, {}, b" " * (1 << 21)), "TooMuchOutput: the service replied with more than 1 MiB")])
def test_what_is_no_transcript_costs_its_utterance(service: Service, reply: Reply, error: str,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LONGEST_REPLY", 1 << 20)
    service.replies = [lambda asked: reply if len(asked.samples) == 2 else says(text="on")]
    before, found, after = recognizer(service, batch=3).transcribe(audio(1, 2, 3))
    assert before == after == Hypothesis("on")
    assert isinstance(found, UtteranceError) and str(found).startswith(error)
    assert len(service.asked) == 3


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_service_that_refuses_ends_the_run(service: Service, tiny_corpus: Path, tmp_path: Path,
                                             status: int) -> None:
    service.replies = [says(status, error={"message": "no such thing"})]
    with pytest.raises(SystemLostError, match=f"refuses: {status} .*: no such thing; see to"):
        heard(service, tiny_corpus, tmp_path)
    assert len(service.asked) == 1


def test_a_service_that_is_gone_ends_the_run(service: Service, pauses: list[float]) -> None:
    made = recognizer(service, url="http://127.0.0.1:9/v1", patience_s=1, batch=3)
    first = made.transcribe(audio(1, 2, 3))
    assert {error.kind for error in first} == {"ServiceNotReached"}
    with pytest.raises(SystemLostError, match="could not be reached for 10 utterances in a row"):
        for _ in range(3):
            made.transcribe(audio(1, 2, 3))


def heard(service: Service, corpus: Path, folder: Path, **options: Any) -> Any:
    said = {"name": "http", "url": service.url, "model": "m", **options}
    return run(config(corpus, metrics=["wer"], conditions=["clean"],
                      pipelines=[{"name": "served", "recognizer": said}]), folder / "run")


def test_the_key_is_nowhere(service: Service, tiny_corpus: Path, tmp_path: Path,
                            monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the service echoes it, in texts and in errors, plain and escaped."""
    monkeypatch.setenv("THE_KEY", SECRET)
    escaped = "".join(f"\\u{ord(c):04x}" for c in SECRET)
    replies = [says(text=f"on {SECRET}"), says(400, error={"message": f"bad {SECRET}"}),
               (400, {}, f"<p>{SECRET}".encode()), (200, {}, f"{SECRET} no JSON".encode()),
               (200, {}, f'{{"text": "on {escaped}"}}'.encode()), (400, {}, SECRET.encode())]
    service.replies = [*replies * 3]
    folder = heard(service, tiny_corpus, tmp_path, key="THE_KEY")
    outputs = folder.outputs()
    assert outputs["error"].notna().sum() == 8 and outputs["hypothesis"].eq("on [key]").sum() == 4
    written = [path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(written) > 5
    for part in (SECRET.encode(), json.dumps(SECRET)[1:-1].encode(), b"0123456789"):
        assert not any(part in content for content in written)
    made = recognizer(service, key="THE_KEY")
    assert "0123456789" not in outputs.to_csv() + repr(made) and "THE_KEY" in made.identity


def test_a_key_in_the_wrong_place_is_not_shown(tiny_corpus: Path) -> None:
    (tiny_corpus.parent / "eval.yaml").write_text(json.dumps({
        "corpus": tiny_corpus.name, "metrics": ["wer"], "pipelines": [{"name": "served",
        "recognizer": {"name": "http", "url": "http://x/v1", "model": "m", "key": "sk0123"}}]}))
    said = evalkit("run", "eval.yaml", "-o", "run", cwd=tiny_corpus.parent)
    assert said.returncode == 2 and "sk0123" not in said.stdout + said.stderr
    assert "must be the name of an environment variable" in " ".join(said.stderr.split())


@pytest.mark.parametrize(("options", "message"), [
    ({"url": "localhost:8000"}, "url must be like http://localhost:8000/v1"),
    ({"url": "ftp://x/v1"}, "url must be like"), ({"url": "http://me:pw@x/v1"}, "no user"),
    ({"url": "http://x/v1?key=1"}, "no user, password"), ({"timeout_s": 0}, "timeout_s must be"),
    ({"patience_s": -1}, "patience_s must be"), ({"key": "NO_SUCH_VARIABLE"}, "environment")])
def test_mistakes_are_named_before_the_run(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create("recognizers", "http", {"url": "http://x/v1", "model": "m"} | options)


def test_the_identity_follows_what_decides(service: Service) -> None:
    made = recognizer(service)
    assert made.identity == recognizer(service, patience_s=3).identity
    assert len({made.identity, *(recognizer(service, **options).identity for options in (
        {"model": "n"}, {"revision": "2"}, {"language": "en"}, {"words": True}))}) == 5
