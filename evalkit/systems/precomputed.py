"""Hypotheses and embeddings that were made elsewhere, looked up by utterance id.

Hypotheses come as one of FORMATS:

    jsonl   {"id": "u1", "hypothesis": "turn on the light"}   also NeMo's: "pred_text", and the
            stem of "audio_filepath" where there is no "id"; "nbest" or "alternatives" may be a
            list of best guesses, the best one first
    csv     a header such as id,hypothesis; quoted as in RFC 4180
    tsv     u1<TAB>turn on the light    a header such as id<TAB>hypothesis may name the columns
    kaldi   u1 turn on the light        nothing after the id is an empty hypothesis
    trn     turn on the light (u1)      sclite's; lines that begin with ;; are comments
    ctm     u1 1 0.00 0.20 turn         words in the order of their times
    stm     u1 1 spk 0.00 2.50 turn on the light

Embeddings come as ``.npz`` with the arrays ``ids`` (n,) and ``embeddings`` (n, dimension), or as
``.parquet`` with the columns ``utterance_id`` and ``embedding``. All of it is untrusted input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.core.errors import ManifestError, RunError, UtteranceError, one_line
from evalkit.core.files import digest
from evalkit.core.ledger import LeftOut
from evalkit.core.names import instead
from evalkit.core.processes import WorkerPool
from evalkit.core.types import Hypothesis, Utterance
from evalkit.systems.transcripts.file import FORMATS, KEYED, Transcripts, read_transcripts
from evalkit.systems.transcripts.keys import Keys

if TYPE_CHECKING:
    import numpy as np


LONG = 1 << 24
"""Bytes of a file that is worth another process."""


@dataclass(frozen=True)
class Hypotheses:
    """Transcripts of a recognizer that ran elsewhere. ``format`` is a name of FORMATS; where it
    is None, the suffix of ``path`` tells, or its first lines. ``id_key`` and ``text_key`` name the
    keys or columns of formats that have such, where they are not the usual ones."""

    path: Path | str
    format: str | None = None
    id_key: str | None = None
    text_key: str | None = None

    needs_audio = False

    def __post_init__(self) -> None:
        if self.format not in (None, *FORMATS):
            raise ValueError(f"format {self.format!r} is not one of {', '.join(FORMATS)}")
        if self.format not in (None, *KEYED) and (self.id_key or self.text_key):
            raise ValueError(f"id_key and text_key are for {', '.join(KEYED)}, not {self.format}")

    @property
    def identity(self) -> str:
        """Raises ManifestError as ``ids`` does, so that a bad file stops a run before it starts."""
        keys = f", keys {self.id_key} {self.text_key}" if self.id_key or self.text_key else ""
        several = len(self._read.others)
        more = f", {several} with several guesses" if several else ""
        return (f"{len(self._read.texts)} hypotheses{more}, format {self.read_as}{keys}, "
                f"{state(self.path)[1]}")

    @property
    def ids(self) -> Sequence[str]:
        """The utterances that have a hypothesis, in the file's order.

        Raises ManifestError where the file cannot be read, or naming its first bad line."""
        return tuple(self._read.texts)

    @property
    def read_as(self) -> str:
        """The format that was given or found. Raises ManifestError as ``ids`` does."""
        return self._read.format

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """Lines that say again what another said. Raises ManifestError as ``ids`` does."""
        return self._read.left_out

    @property
    def _read(self) -> Transcripts:
        return _hypotheses(*state(self.path), self.format, Keys(self.id_key, self.text_key))

    def recall(self, utterance: Utterance) -> Hypothesis:
        """Raises UtteranceError of kind NoHypothesis, and ManifestError as ``ids`` does."""
        read = self._read
        text = read.texts.get(utterance.id)
        if text is None:
            raise self._none
        return Hypothesis(text, alternatives=read.others.get(utterance.id, ()))

    def texts(self, ids: Iterable[str]) -> list[str | UtteranceError] | None:
        """What ``recall`` gives or raises of each, where that is only texts, else None. Raises
        ManifestError as ``ids`` does."""
        read, none = self._read, self._none
        return None if read.others else [read.texts.get(each, none) for each in ids]

    @property
    def _none(self) -> UtteranceError:
        return UtteranceError("NoHypothesis", f"{Path(self.path).name} has none")


@dataclass(frozen=True)
class Embeddings:
    """Vectors of a speaker encoder that ran elsewhere; they are scaled to unit length."""

    path: Path | str

    needs_audio = False

    @property
    def identity(self) -> str:
        """Raises ManifestError where the file cannot be used."""
        return f"{len(self._vectors)} embeddings, {state(self.path)[1]}"

    @property
    def _vectors(self) -> Mapping[str, np.ndarray]:
        return _embeddings(*state(self.path))

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


def state(path: Path | str) -> tuple[Path, str]:
    """The path, and the digest of what is there now. What is no regular file is not opened."""
    path = Path(path)
    try:
        return path, f"sha256:{digest(path)}"
    except OSError as error:
        raise ManifestError(f"{path}: cannot read it: {error.strerror}{instead(path)}") from error


_ahead: dict[Path, Future[Transcripts]] = {}
"""Files that another process reads, or has read, for this one."""


@contextmanager
def read_ahead(files: Iterable[Hypotheses]) -> Iterator[None]:
    """While the block does something else, another process reads those of ``files`` that are
    long."""
    long = [file for file in files if _is_long(Path(file.path))]
    with WorkerPool(1) if long else nullcontext() as pool:
        try:
            if pool is not None:
                _ahead.update({Path(file.path): pool.submit(
                    read_transcripts, Path(file.path), file.format,
                    Keys(file.id_key, file.text_key)) for file in long})
            yield
            for file in long:
                with suppress(ManifestError, RunError):  # reading it here says what is wrong
                    _ = file.ids
        finally:
            _ahead.clear()


def _is_long(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > LONG


@lru_cache(maxsize=8)
def _hypotheses(path: Path, content: str, form: str | None, keys: Keys) -> Transcripts:
    if path in _ahead:
        with suppress(ManifestError, RunError):
            read = _ahead.pop(path).result()
            if state(path)[1] == content:
                return read
    return read_transcripts(path, form, keys)


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


@lru_cache(maxsize=8)
def _embeddings(path: Path, _content: str) -> Mapping[str, np.ndarray]:
    import numpy as np

    readers = {".npz": _read_npz, ".parquet": _read_parquet}
    if path.suffix not in readers:
        raise ManifestError(f"{path}: embeddings are read from .npz or .parquet")
    try:
        ids, vectors = readers[path.suffix](path)
        ids = [_identifier(each) for each in ids]
        matrix = np.asarray(vectors, dtype=np.float64)
    except Exception as error:  # a hostile file may make the readers raise anything
        raise ManifestError(f"{path}: cannot read embeddings: {one_line(error)}") from error
    if matrix.ndim != 2 or len(ids) != len(matrix):
        raise ManifestError(f"{path}: {len(ids)} ids do not fit embeddings of shape "
                            f"{matrix.shape}; expected (n,) and (n, dimension)")
    return _unique(path, enumerate(zip(ids, matrix, strict=True), 1))


def _identifier(value: Any) -> str:
    """An id as text; NumPy may keep text as bytes. Raises UnicodeDecodeError where those are not
    UTF-8."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _read_npz(path: Path) -> tuple[Any, Any]:
    import numpy as np

    with np.load(path, allow_pickle=False) as arrays:
        return arrays["ids"], arrays["embeddings"]


def _read_parquet(path: Path) -> tuple[Any, Any]:
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["utterance_id", "embedding"])
    return table["utterance_id"].to_pylist(), table["embedding"].to_pylist()
