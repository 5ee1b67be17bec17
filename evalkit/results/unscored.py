"""What a table has beside the columns that are scored: texts that look normalised, and counts of
errors. Figures that were published with a table are often of these."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from shlex import quote

from evalkit.core.text import HINT
from evalkit.results.columns import COUNTS, ERRORS, HYPOTHESES, REFERENCES, Chosen, usual_column

_NORMALISED = re.compile(r"^(normali[sz]ed|norm|clean(ed)?)[_ -]|"
                         r"[_ -](normali[sz]ed|norm|clean(ed)?)$")


def unscored(where: str, columns: Sequence[str], chosen: Chosen) -> Iterator[str]:
    """A line of what else the table ``where`` could be scored by, and with which options; none
    where there is nothing."""
    others = [column for column in columns if column not in chosen.used]
    parts = [part for part in (_texts(others), _counts(others, chosen)) if part]
    if parts:
        yield f"{HINT}{where} also has {' and '.join(parts)}"


def _texts(columns: Sequence[str]) -> str | None:
    reference, heard = (_normalised(columns, usual) for usual in (REFERENCES, HYPOTHESES))
    if reference is None or heard is None:
        return None
    return (f"texts that look normalised (--ref {quote(reference)} --hyp {quote(heard)} "
            "--normaliser none scores them as they are)")


def _normalised(columns: Sequence[str], usual: Sequence[str]) -> str | None:
    """The first column that is called as one of the ``usual`` is, and normalised."""
    return next((column for column in columns
                 if (plain := _NORMALISED.sub("", column.strip().lower())) in usual
                 and plain != column.strip().lower()), None)


def _counts(columns: Sequence[str], chosen: Chosen) -> str | None:
    found = {kind: column for kind, names in COUNTS.items()
             if (column := usual_column(columns, names))}
    whole = found.get("hits") or found.get("words")
    if chosen.counts or not whole or not found.keys() >= {*ERRORS}:
        return None
    kind = "hits" if "hits" in found else "words"
    return f"counts of errors (--count {kind}={quote(whole)} takes them in place of the texts)"
