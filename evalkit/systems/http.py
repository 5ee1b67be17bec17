"""Recognizers behind an HTTP service that keeps OpenAI's contract of transcriptions:

    {name: http, url: "http://localhost:8000/v1", model: whisper-1, key: OPENAI_API_KEY}

A recording is posted to ``URL/audio/transcriptions`` as a form of several parts, a WAV file of 16
bits among them. What the service says is untrusted, and the key is kept out of all of it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property
from http.client import responses
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from evalkit import audio as waveform
from evalkit.core.errors import ConfigError, SystemLostError, UtteranceError, one_line
from evalkit.core.types import Audio, Cost, Hypothesis
from evalkit.systems.heard import hypothesis_of
from evalkit.systems.identity import require

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

LONGEST_REPLY = 1 << 24
"""Bytes of a reply."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before the second try; before every further one twice as many, up to the latter."""
BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Replies after which it is tried again."""
REFUSED = frozenset({401, 403, 404})
"""Replies that no recording mends: the key, the model or the address is wrong."""
LOST = 10
"""Utterances in a row that the service could not be reached for, after which the run ends."""


@dataclass(frozen=True)
class HttpRecognizer:
    """The service at ``url``, its base, such as ``http://localhost:8000/v1``, asked for ``model``.

    ``key`` names the environment variable that holds the key, never the key itself; ``language``,
    ``prompt`` and ``temperature`` are passed on; ``words`` asks for their times. ``batch`` requests
    are under way at a time. One takes ``timeout_s`` at most, and is tried again, after pauses that
    double or are as long as the service says, until ``patience_s`` are over. ``revision`` is
    anything that changes when the service's model does, which nobody else can know."""

    url: str
    model: str
    key: str | None = None
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    words: bool = False
    revision: str = ""
    rate: int | None = 16_000
    batch: int = 1
    timeout_s: float = field(default=60.0, repr=False)
    patience_s: float = field(default=240.0, repr=False)

    needs_audio = True
    cost = Cost(unknown="the service does not say it")

    def __post_init__(self) -> None:
        require("urllib3")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url must be like http://localhost:8000/v1, not {self.url!r}")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("url must have no user, password, ? or #; a key goes into an "
                             "environment variable, which the option key names")
        for name, seconds in (("timeout_s", self.timeout_s), ("patience_s", self.patience_s)):
            if not seconds > 0:
                raise ValueError(f"{name} must be positive, not {seconds!r}")
        _ = self._secret

    @property
    def identity(self) -> str:
        """The options; what the service makes of them is its own."""
        return repr(self)

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis | UtteranceError]:
        """One hypothesis each. Raises SystemLostError where the service refuses key, model or
        address, or cannot be reached any more."""
        with ThreadPoolExecutor(len(batch)) as pool:
            results = list(pool.map(self._heard, batch))
        self._reached.note(results)
        return results

    @property
    def _secret(self) -> str | None:
        """Raises ConfigError where the variable is not set."""
        if self.key is None:
            return None
        secret = os.environ.get(self.key, "").strip()
        if not secret or not secret.isascii() or not secret.isprintable():
            raise ConfigError("the option key must be the name of an environment variable that "
                              "holds the key; there is none of the name that it gives")
        return secret

    @cached_property
    def _reached(self) -> _Reached:
        return _Reached(f"service {self.url}")

    @cached_property
    def _pool(self) -> Any:
        import urllib3

        return urllib3.PoolManager(maxsize=self.batch, retries=False)

    def _heard(self, audio: Audio) -> Hypothesis | UtteranceError:
        try:
            recording = waveform.encoded(audio, "wav")
            return _hypothesis(self._reply(recording), words=self.words)
        except UtteranceError as error:
            return error

    def _reply(self, recording: bytes) -> bytes:
        """The reply with the transcript. Raises UtteranceError of kind ServiceRefused, or that of
        the last try, where ``patience_s`` are over or it is asked to come back after them."""
        over, pause = time.monotonic() + self.patience_s, FIRST_PAUSE
        while True:
            try:
                return self._asked(recording, min(over, time.monotonic() + self.timeout_s))
            except _BusyError as busy:
                wait = pause if busy.wait is None else max(busy.wait, FIRST_PAUSE)
                if time.monotonic() + wait >= over:
                    raise busy.error from None
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _asked(self, recording: bytes, latest: float) -> bytes:
        """A single try, which is over at ``latest``. Raises _BusyError where another may do."""
        from urllib3.exceptions import HTTPError

        try:
            reply = self._pool.request(
                "POST", f"{self.url.rstrip('/')}/audio/transcriptions", headers=self._headers,
                fields=[*self._fields, ("file", ("audio.wav", recording, "audio/wav"))],
                timeout=max(0.1, latest - time.monotonic()), redirect=False,
                preload_content=False, decode_content=False)
            body = self._body(reply, latest)
        except (HTTPError, OSError) as error:
            raise _BusyError("ServiceNotReached", type(error).__name__) from None
        if reply.status == 200:
            return body
        why = f"{reply.status} {responses.get(reply.status, '')}: {_message(body)}"
        if reply.status in REFUSED:
            raise SystemLostError(f"service {self.url} refuses: {why}; see to url, model and key")
        if reply.status in BUSY:
            raise _BusyError("ServiceBusy", why, _asked_wait(reply.headers.get("Retry-After")))
        raise UtteranceError("ServiceRefused", why)

    def _body(self, reply: BaseHTTPResponse, latest: float) -> bytes:
        """What was replied, without the key. Raises UtteranceError of kind TooMuchOutput, and
        _BusyError where it is not all there at ``latest``."""
        body = bytearray()
        try:
            for piece in reply.stream(1 << 16, decode_content=False):
                body += piece
                if len(body) > LONGEST_REPLY:
                    raise UtteranceError("TooMuchOutput", "the service replied with more than "
                                         f"{LONGEST_REPLY >> 20} MiB")
                if time.monotonic() > latest:
                    raise _BusyError("ServiceNotReached", "its reply does not end")
        except BaseException:
            reply.close()
            raise
        reply.release_conn()
        return _without(self._secret, bytes(body))

    @property
    def _headers(self) -> Mapping[str, str]:
        secret = self._secret
        return {"Accept": "application/json", "Accept-Encoding": "identity"} | (
            {"Authorization": f"Bearer {secret}"} if secret else {})

    @property
    def _fields(self) -> list[tuple[str, str]]:
        given = {"model": self.model, "language": self.language, "prompt": self.prompt,
                 "temperature": None if self.temperature is None else str(self.temperature),
                 "response_format": "verbose_json" if self.words else "json",
                 "timestamp_granularities[]": "word" if self.words else None}
        return [(name, value) for name, value in given.items() if value is not None]


class _BusyError(Exception):
    """Another try, after ``wait`` seconds where the service says it, may do; ``error`` is what has
    happened where none does."""

    def __init__(self, kind: str, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.error, self.wait = UtteranceError(kind, reason), wait


@dataclass
class _Reached:
    """Whether a service can still be reached: how many utterances in a row it could not be."""

    service: str
    failed: int = 0

    def note(self, results: Sequence[Hypothesis | UtteranceError]) -> None:
        """Raises SystemLostError after LOST in a row."""
        for result in results:
            lost = isinstance(result, UtteranceError) and result.kind == "ServiceNotReached"
            self.failed = self.failed + 1 if lost else 0
            if self.failed >= LOST:
                raise SystemLostError(f"{self.service}: could not be reached for {LOST} utterances "
                                      f"in a row ({result}); see whether it runs, then start the "
                                      "run again")


def _without(secret: str | None, body: bytes) -> bytes:
    """``body`` without the key, however its JSON writes that."""
    if secret is None:
        return body
    tree = _json(body)
    if tree is not None:
        body = json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")
        secret = json.dumps(secret, ensure_ascii=False)[1:-1]
    return body.replace(secret.encode(), b"[key]")


def _hypothesis(body: bytes, *, words: bool) -> Hypothesis:
    """Of the service's JSON. Raises UtteranceError of kind BadAnswer."""
    tree = _json(body)
    if tree is None:
        raise UtteranceError("BadAnswer", "the service replied "
                             f"{one_line(body[:200].decode('utf-8', 'replace'), 60)!r}, which is "
                             "no JSON object")
    return hypothesis_of({"text": tree.get("text"), "words": tree.get("words") if words else None})


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, dict) else None


def _message(body: bytes) -> str:
    """What an error's body says, in a line."""
    said: Any = _json(body) or {}
    said = said.get("error", said)
    said = said.get("message", said) if isinstance(said, dict) else said
    return one_line(said if isinstance(said, str) and said else
                    body[:500].decode("utf-8", "replace") or "nothing more", 160)


def _asked_wait(header: str | None) -> float | None:
    """Seconds that a Retry-After asks for, as a number or as a date; None where it is neither."""
    if header is None:
        return None
    try:
        seconds = (float(header) if header.strip().isdecimal()
                   else parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, seconds)
