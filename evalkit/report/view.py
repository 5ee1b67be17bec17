"""What a page shows of one selection: the first sentences, the tiles, the figure and the table of
its groups, in words and as HTML."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment
from markupsafe import Markup

from evalkit.core.text import count
from evalkit.report import lead, tiles
from evalkit.report.could_show import what_could_be_shown
from evalkit.report.group_figure import MOST, NARROW, WIDE, cut, group_figure
from evalkit.report.reality import reality
from evalkit.report.selection import Selection
from evalkit.report.table import Table
from evalkit.report.text import in_sentence, say
from evalkit.report.tiles import Tile

PARTS = ("lead", "tiles", "figure", "table", "reach", "said")
"""Of a page: each is what the macro of that name makes of a View, and stands in the elements whose
``data-part`` it is."""

OWN_TRIALS = (" A group's trials are between two of its speakers, who are harder to tell apart than"
              " others: every group may do worse than everybody.")


@dataclass(frozen=True)
class View:
    """``figures`` are the same for two widths, none where there are no groups, and ``caption`` is
    theirs; ``table`` are the groups, and ``reach`` is what gaps could have been shown; ``said``
    says what is shown."""

    selection: Selection | None
    lead: Sequence[Markup]
    tiles: Sequence[Tile]
    figures: Sequence[Markup]
    caption: str
    table: Table | None
    reach: Markup
    said: str


@dataclass(frozen=True)
class Around:
    """What does not depend on groups: tiles that come ``before`` the others and ``after`` them, and
    ``news``, sentences in place of how good it is."""

    before: Sequence[Tile]
    after: Sequence[Tile]
    news: Sequence[Markup] = ()


def no_view(why: str, around: Around) -> View:
    """What is shown where nothing can be selected, and ``why``."""
    shown = [*around.before, *tiles.not_known(why), *around.after]
    return View(None, around.news or [say("{}.", why)], shown, [], "", None, Markup(), "")


def view_of(selection: Selection, table: Table | None, around: Around) -> View:
    """A view of ``selection``, whose groups are ``table``."""
    found = reality(selection)
    sentences = [*(around.news or [lead.how_good(selection)]), lead.served_worst(selection, found)]
    shown = [*around.before, tiles.how_good(selection), tiles.served_worst(selection),
             tiles.is_it_real(found), *around.after]
    figures = [group_figure(selection, layout) for layout in (WIDE, NARROW)]
    return View(selection, list(filter(None, sentences)), shown, list(filter(None, figures)),
                caption(selection), table, what_could_be_shown(selection), said(selection))


def said(selection: Selection) -> str:
    """What is shown, in a sentence."""
    by = f" by {selection.by}" if selection.by else ""
    what = f"{in_sentence(selection.title)}{by}"
    return f"Shown: {what}, {selection.pipeline} {selection.where}".rstrip()


def caption(selection: Selection) -> str:
    """What the figure shows."""
    if selection.report is None:
        return ""
    unit = f", {selection.fact.unit}" if selection.fact.unit else ""
    speakers = any(row.n_speakers for row in selection.report.rows)
    parts = [f"{selection.title}{unit} by {selection.by}, with 95 % intervals",
             f"; {selection.pipeline} {selection.where}".rstrip(),
             f"; farther to the {'right' if selection.fact.worse < 0 else 'left'} is better.",
             " Beside a name: how many speakers." if speakers else ""]
    parts += [OWN_TRIALS] if selection.everybody.counted == "trials" else []
    few = any(row.status != "ok" for row in selection.report.rows)
    parts += [" Hollow: too few to compare."] if few else []
    parts += [" An arrow: the interval goes on."] if cut(selection) else []
    more = len(selection.report.rows) - MOST
    parts += [f" {count(more, 'further group')} below."] if more > 0 else []
    return "".join(parts)


@dataclass(frozen=True)
class Control:
    """A list of a page to choose from: what of, and its options, each as ``Selection.key`` names it
    and as a reader does."""

    axis: str
    title: str
    options: Mapping[str, str]


def controls(every: Sequence[Selection]) -> list[Control]:
    """Those by which a reader chooses among ``every``."""
    titles = {"pipeline": "Pipeline", "condition": "Condition", "metric": "Metric", "by": "By"}
    named = {"condition": "all together", "by": "everybody"}
    return [Control(axis, title, {
        each.key[axis]: each.title if axis == "metric" else each.key[axis] or named.get(axis, "")
        for each in every}) for axis, title in titles.items()]


def packed(views: Sequence[View], environment: Environment) -> Markup:
    """What the page's script chooses among, as JSON that stands within HTML: what is shown at
    ``start``, and ``views``, which are a list of objects of PARTS and what was chosen, deflated and
    in base 64. A page has many, which say much the same: they take a tenth of the room so."""
    macros = environment.get_template("view.html.j2").module
    known = [view.selection.key | {part: str(getattr(macros, part)(view)) for part in PARTS}
             for view in views if view.selection]
    if not known:
        return Markup()
    start = {axis: known[0][axis] for axis in ("pipeline", "condition", "metric", "by")}
    small = zlib.compress(json.dumps(known, separators=(",", ":")).encode(), 9)
    text = json.dumps({"start": start, "views": b64encode(small).decode()})
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 -- no tag can end it
