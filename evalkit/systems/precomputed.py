"""Hypotheses and embeddings that were made elsewhere, looked up by utterance id.

Hypotheses come as one of FORMATS:

    jsonl   {"id": "u1", "hypothesis": "turn on the light"}   also NeMo's: "pred_text", and the
            stem of "audio_filepath" where there is no "id"
    tsv     u1<TAB>turn on the light    `id<TAB>hypothesis` is a header
    kaldi   u1 turn on the light        nothing after the id is an empty hypothesis
    trn     turn on the light (u1)      sclite's; lines that begin with ;; are comments

Embeddings come as ``.npz`` with the arrays ``ids`` (n,) and ``embeddings`` (n, dimension), or as
``.parquet`` with the columns ``utterance_id`` and ``embedding``. All of it is untrusted input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from evalkit.core.errors import ManifestError, UtteranceError, one_line
from evalkit.core.files import digest
from evalkit.core.types import Hypothesis, Utterance

if TYPE_CHECKING:
    import numpy as np

_TRN = re.compile(r"(.*)\(([^()\s]+)\)")
Pair = tuple[str, str]


@dataclass(frozen=True)
class Hypotheses:
    """Transcripts of a recognizer that ran elsewhere. ``format`` is a name of FORMATS; where it
    is None, the suffix of ``path`` tells, or the first line."""

    path: Path | str
    format: str | None = None

    needs_audio = False

    def __post_init__(self) -> None:
        if self.format not in (None, *FORMATS):
            raise ValueError(f"format {self.format!r} is not one of {', '.join(FORMATS)}")

    @property
    def identity(self) -> str:
        """Raises ManifestError as ``ids`` does, so that a bad file stops a run before it starts."""
        return f"{len(self._texts)} hypotheses, format {self.format}, {_state(self.path)[1]}"

    @property
    def ids(self) -> Sequence[str]:
        """The utterances that have a hypothesis, in the file's order.

        Raises ManifestError where the file cannot be read, or naming its first bad line."""
        return tuple(self._texts)

    @property
    def _texts(self) -> Mapping[str, str]:
        return _hypotheses(*_state(self.path), self.format)

    def recall(self, utterance: Utterance) -> Hypothesis:
        """Raises UtteranceError of kind NoHypothesis, and ManifestError as ``ids`` does."""
        text = self._texts.get(utterance.id)
        if text is None:
            raise UtteranceError("NoHypothesis", f"{Path(self.path).name} has none")
        return Hypothesis(text)


@dataclass(frozen=True)
class Embeddings:
    """Vectors of a speaker encoder that ran elsewhere; they are scaled to unit length."""

    path: Path | str

    needs_audio = False

    @property
    def identity(self) -> str:
        """Raises ManifestError where the file cannot be used."""
        return f"{len(self._vectors)} embeddings, {_state(self.path)[1]}"

    @property
    def _vectors(self) -> Mapping[str, np.ndarray]:
        return _embeddings(*_state(self.path))

    def recall(self, utterance: Utterance) -> np.ndarray:
        """Shape (dimension,), unit length. Raises UtteranceError of kind NoEmbedding or
        BadEmbedding, and ManifestError as ``identity`` does."""
        import numpy as np

        vector = self._vectors.get(utterance.id)
        if vector is None:
            raise UtteranceError("NoEmbedding", f"{Path(self.path).name} has none")
        length = np.linalg.norm(vector)
        if not (np.isfinite(length) and length > 0):
            raise UtteranceError("BadEmbedding", f"its length is {length:g}")
        return vector / length


def _state(path: Path | str) -> tuple[Path, str]:
    """The path, and the digest of what is there now."""
    path = Path(path)
    try:
        return path, f"sha256:{digest(path)}"
    except OSError as error:
        raise ManifestError(f"{path}: cannot read it: {error.strerror}") from error


@lru_cache(maxsize=8)
def _hypotheses(path: Path, _content: str, form: str | None) -> Mapping[str, str]:
    lines = [(number, line) for number, line in enumerate(path.read_bytes().split(b"\n"), 1)
             if line.strip()]
    if not lines:
        raise ManifestError(f"{path}: holds no hypothesis")
    parse = FORMATS[form or _detect(path, lines[0][1])]
    pairs = []
    for number, line in lines:
        try:
            pair = parse(line.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\r"))
            if pair is not None:
                "".join(pair).encode()  # refuses half a character (a lone surrogate) in JSON
                pairs.append((number, pair))
        except ValueError as error:
            raise ManifestError(f"{path}:{number}: {one_line(error)}") from error
    return _unique(path, pairs)


def _unique(path: Path, pairs: Iterable[tuple[int, tuple[str, Any]]]) -> dict[str, Any]:
    """A mapping of the numbered pairs. Raises ManifestError where an id comes twice."""
    first: dict[str, int] = {}
    values: dict[str, Any] = {}
    for number, (identifier, value) in pairs:
        if identifier in first:
            raise ManifestError(f"{path}:{number}: id {identifier!r} is that of {path.name}:"
                                f"{first[identifier]} too; keep one of them")
        first[identifier], values[identifier] = number, value
    return values


def _detect(path: Path, first: bytes) -> str:
    named = {".jsonl": "jsonl", ".json": "jsonl", ".tsv": "tsv", ".trn": "trn"}.get(path.suffix)
    if named:
        return named
    line = first.decode("utf-8-sig", "replace").strip()
    if line.startswith("{"):
        return "jsonl"
    if "\t" in line:
        return "tsv"
    return "trn" if line.startswith(";;") or _TRN.fullmatch(line) else "kaldi"


def _parse_jsonl(line: str) -> Pair:
    try:
        row = json.loads(line)
    except RecursionError as error:
        raise ValueError("is not JSON: too deep") from error
    if not isinstance(row, dict):
        raise ValueError("is not a JSON object")
    name = "hypothesis" if "hypothesis" in row else "pred_text"
    text = row.get(name)
    if not isinstance(text, str):
        raise ValueError(f"{name!r} must be text, not {text!r}; leave the line out where there "
                         "is no hypothesis")
    return _identifier(row), text


def _identifier(row: Mapping[str, Any]) -> str:
    value = row.get("id")
    if value is None and isinstance(row.get("audio_filepath"), str):
        value = PurePosixPath(row["audio_filepath"]).stem
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise ValueError("'id' is missing or not text, and there is no 'audio_filepath'")
    return value


def _parse_tsv(line: str) -> Pair | None:
    identifier, *texts = line.split("\t")
    if len(texts) != 1 or not identifier:
        raise ValueError(f"expected an id, a tab and a text, found {1 + len(texts)} columns")
    return None if (identifier, texts[0]) == ("id", "hypothesis") else (identifier, texts[0])


def _parse_kaldi(line: str) -> Pair:
    identifier, *texts = line.split(maxsplit=1)
    return identifier, texts[0].strip() if texts else ""


def _parse_trn(line: str) -> Pair | None:
    if line.startswith(";;"):
        return None
    match = _TRN.fullmatch(line.strip())
    if match is None:
        raise ValueError("expected words and then the id in parentheses")
    return match[2], match[1].strip()


FORMATS: Mapping[str, Callable[[str], Pair | None]] = {
    "jsonl": _parse_jsonl, "tsv": _parse_tsv, "kaldi": _parse_kaldi, "trn": _parse_trn}


@lru_cache(maxsize=8)
def _embeddings(path: Path, _content: str) -> Mapping[str, np.ndarray]:
    import numpy as np

    readers = {".npz": _read_npz, ".parquet": _read_parquet}
    if path.suffix not in readers:
        raise ManifestError(f"{path}: embeddings are read from .npz or .parquet")
    try:
        ids, vectors = readers[path.suffix](path)
        matrix = np.asarray(vectors, dtype=np.float64)
    except Exception as error:  # a hostile file may make the readers raise anything
        raise ManifestError(f"{path}: cannot read embeddings: {one_line(error)}") from error
    if matrix.ndim != 2 or len(ids) != len(matrix):
        raise ManifestError(f"{path}: {len(ids)} ids do not fit embeddings of shape "
                            f"{matrix.shape}; expected (n,) and (n, dimension)")
    return _unique(path, enumerate(zip(map(str, ids), matrix, strict=True), 1))


def _read_npz(path: Path) -> tuple[Any, Any]:
    import numpy as np

    with np.load(path, allow_pickle=False) as arrays:
        return arrays["ids"], arrays["embeddings"]


def _read_parquet(path: Path) -> tuple[Any, Any]:
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["utterance_id", "embedding"])
    return table["utterance_id"].to_pylist(), table["embedding"].to_pylist()
