"""Manifests: JSON lines, one utterance a line.

    {"id": "u1", "audio": "audio/u1.flac", "text": "turn on the light", "speaker": "s1", …}

``id`` is required. ``audio`` and ``reference_audio`` are paths relative to the manifest and
may not leave its folder unless the user allows it; ``offset`` and ``duration`` are seconds; a
list ``words`` has the times of the text's words (evalkit.store.word_times).
Every other column is metadata: text, a number, a truth value, nothing, or a list of texts, which
is kept as its JSON. A manifest is untrusted input.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.core.collecting import uncollected
from evalkit.core.errors import FieldError, ManifestError, one_line
from evalkit.core.files import regular, replacing
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.names import instead
from evalkit.core.types import Utterance
from evalkit.store.manifest_rows import (
    LEAVES,
    SharedMetadata,
    inside,
    row_in,
    utterance_of,
    with_one_text,
)
from evalkit.store.other_layouts import importer
from evalkit.store.remote import url_of

SHOWN = 5


@dataclass(frozen=True)
class Problem:
    """What is wrong with one line. ``line`` counts from 1."""

    line: int
    field: str
    message: str


@dataclass(frozen=True)
class Manifest:
    """A manifest that was read: its good utterances, the line of each, and the problems of the
    other lines. ``silenced`` are the problems of recordings whose utterances stay; ``dropped`` is
    what a corpus reader could not use, ``unwanted`` what the user's labels and conditions leave
    out, ``folder`` where recordings are, the manifest's own where it is None; ``called`` is the
    corpus's name among several."""

    path: Path
    utterances: tuple[Utterance, ...]
    lines: tuple[int, ...]
    problems: tuple[Problem, ...]
    silenced: tuple[Problem, ...] = ()
    dropped: tuple[LeftOut, ...] = ()
    unwanted: tuple[LeftOut, ...] = ()
    folder: Path | None = None
    called: str | None = None

    @property
    def name(self) -> str:
        """The corpus's, that of its folder where it is the only one."""
        return self.root.name if self.called is None else self.called

    @property
    def root(self) -> Path:
        """The folder of the corpus."""
        return self.path.parent if self.folder is None else self.folder

    @property
    def unusable(self) -> int:
        """How much of the corpus is no utterance here."""
        return len(self.problems) + sum(item.n for item in self.dropped
                                        if item.what in ("row", "utterance", "recording"))

    @property
    def left_out(self) -> list[LeftOut]:
        """The lines that are no utterance, and the recordings that are not used, for the
        ledger."""
        rows = (LeftOut("row", str(self.path), f"{p.field}: {p.message}",
                        names=(f"line {p.line}",)) for p in self.problems)
        recordings = (LeftOut("recording", str(self.path), p.message, names=(f"line {p.line}",))
                      for p in self.silenced)
        return merged([*self.dropped, *rows, *recordings, *self.unwanted])

    def describe_problems(self, shown: int = SHOWN) -> str:
        """The first ``shown`` problems, one a line, and a count of the rest by field."""
        lines = [f"{self.path}:{p.line}: {p.field}: {p.message}" for p in self.problems[:shown]]
        rest = Counter(p.field for p in self.problems[shown:])
        if rest:
            counts = ", ".join(f"{count} in {name}" for name, count in rest.most_common())
            lines.append(f"and {sum(rest.values())} more ({counts})")
        return "\n".join(lines)


@uncollected()
def read_manifest(path: Path | str, *, outside: bool = False, texts_only: bool = False,
                  alternatives: bool = False, remote: bool = False) -> Manifest:
    """Reads every line; a line that cannot be used becomes a Problem and the rest goes on.

    ``outside`` allows audio paths that leave the manifest's folder, ``remote`` URLs, which stay
    what they are (evalkit.store.remote); where ``texts_only``, a path that is not allowed, and any
    URL, is left out of its utterance, which stays. With ``alternatives`` a text
    may be a list of several that are right. Raises ManifestError only where the file itself cannot
    be read. Whether audio exists is not looked at here.
    """
    path = Path(path)
    utterances: list[Utterance] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    shared = SharedMetadata()
    for number, line in _lines(path):
        try:
            row = row_in(line)
            row = with_one_text(row) if alternatives else row
            utterance = utterance_of(row, path.parent, outside=outside or texts_only,
                                     remote=remote or texts_only, shared=shared)
            if utterance.id in seen:
                raise FieldError("id", f"{utterance.id!r} was used on line {seen[utterance.id]}")
        except FieldError as refused:
            problems.append(Problem(number, refused.field, one_line(refused)))
            continue
        seen[utterance.id] = number
        utterances.append(utterance)
    silenced: list[Problem] = []
    if texts_only:
        utterances, silenced = _without_strangers(utterances, tuple(seen.values()), path.parent,
                                                  outside=outside)
    return Manifest(path, tuple(utterances), tuple(seen.values()), tuple(problems),
                    tuple(silenced))


def _without_strangers(utterances: Sequence[Utterance], lines: Sequence[int], root: Path, *,
                       outside: bool) -> tuple[list[Utterance], list[Problem]]:
    """The utterances without the recordings that are on other machines or, unless they may be
    ``outside``, leave ``root``, and what those are."""
    kept, problems = [], []
    for utterance, line in zip(utterances, lines, strict=True):
        if utterance.audio is utterance.reference_audio is None:
            kept.append(utterance)
            continue
        paths = {"audio": utterance.audio, "reference_audio": utterance.reference_audio}
        why = {name: reason for name, path in paths.items() if path is not None
               and (reason := _strange(path, root, outside=outside))}
        problems += [Problem(line, name, reason) for name, reason in why.items()]
        gone: dict[str, Any] = dict.fromkeys(why)
        kept.append(replace(utterance, **gone) if gone else utterance)
    return kept, problems


def _strange(path: Path, root: Path, *, outside: bool) -> str | None:
    """Why the recording is none that a page may play."""
    if url_of(path):
        return "is on another machine, and was not fetched"
    return None if outside or inside(path, root) else LEAVES


def write_manifest(path: Path | str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows of FIELDS and metadata as JSON lines, by way of a temporary file."""
    line = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    with replacing(Path(path)) as temporary, temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(line(row) + "\n")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with regular(path).open("rb") as file:
            yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())
    except OSError as error:
        advice = importer(path) or ("give the path of a JSONL file (`evalkit corpus synth` makes "
                                    "one)")
        raise ManifestError(f"{path}: cannot read the manifest: {error.strerror}; {advice}"
                            f"{instead(path)}") from error
