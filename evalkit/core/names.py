"""Names that a person wrote and that there are not, of files too: which is nearest, and which there
are."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

CLOSE = 0.7
"""How like two names are, 1 where they are the same, of which one may be meant for the other."""
SHOWN = 20
"""Names that one line lists."""
LOOKED_AT = 2000
"""Files of a folder that are compared with a name."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of the ``known`` names that ``name`` is most like, whatever their case: letters in
    another order are nearest; None where it is like none of them."""
    names = {each.casefold(): each for each in known}
    meant = name.casefold()
    swapped = [each for each in names if sorted(each) == sorted(meant)]
    close = get_close_matches(meant, swapped or names, 1, 0 if swapped else CLOSE)
    return names[close[0]] if close else None


def offer(name: str, known: Iterable[str], there_are: str = "there are") -> str:
    """What to write instead of ``name``, for the end of a line: "there are accent, gender; did you
    mean 'accent'?"."""
    names = list(dict.fromkeys(known))
    near = nearest(name, names)
    return f"{there_are} {listed(names)}" + (f"; did you mean {near!r}?" if near else "")


def instead(path: Path) -> str:
    """What to write instead of a path that is not there, for the end of a line: "; did you mean
    eval.yaml?", or the files of its kind that there are beside it. Nothing where it is there, or
    nothing is like it."""
    while path.parent != path and not path.parent.is_dir():
        path = path.parent
    if path.is_file():
        return f"; {path} is a file: give the folder that it is in, or another"
    beside = [] if path.exists() else _files(path.parent)
    folder = Path() if path.is_absolute() else path.parent
    if near := nearest(path.name, beside):
        return f"; did you mean {folder / near}?"
    alike = [str(folder / name) for name in beside if path.suffix == Path(name).suffix != ""]
    return f"; there are {listed(alike)}" if alike else ""


def _files(folder: Path) -> list[str]:
    """Names of the first LOOKED_AT in a folder; none where it cannot be read."""
    try:
        return sorted(each.name for each in islice(folder.iterdir(), LOOKED_AT))
    except OSError:
        return []


def listed(names: Iterable[str]) -> str:
    """The first SHOWN names with commas between them, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none") + more
