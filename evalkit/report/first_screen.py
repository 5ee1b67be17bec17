"""The first screen of a page: who was tested, how good it is, whom it serves worst, whether that is
real, what failed, and whether it may ship, of the one Selection that the rule chooses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalkit.core.text import count, printable
from evalkit.report import change_words, gate_words, lead, tiles
from evalkit.report.group_figure import MOST, NARROW, WIDE, group_figure
from evalkit.report.headline import Value
from evalkit.report.reality import reality
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Filled
from evalkit.report.sections import groups, left_out, versions
from evalkit.report.selection import Selection
from evalkit.report.summary import FEW_SPEAKERS
from evalkit.report.tiles import Tile
from evalkit.store.documents.run import RunRecord
from evalkit.store.scores import GIVEN

MOST_SENTENCES = 5
MOST_NAMED = 4
"""Conditions that are named at the top."""
_SYNTHETIC = re.compile(r"(?<!no )(?<!not )\bsynthetic\b", re.IGNORECASE)


@dataclass(frozen=True)
class FirstScreen:
    """``badges`` say what the corpus is no evidence of; ``sub`` is what was tested on whom;
    ``also`` what sections found beside the selection; ``figures`` are the same for two widths, none
    where there are no groups, and ``caption`` is theirs; ``selections`` are what the page's script
    chooses among, as JSON."""

    badges: Sequence[str]
    sub: Sequence[str]
    lead: Sequence[Markup]
    tiles: Sequence[Tile]
    figures: Sequence[Markup]
    caption: Markup
    selections: Markup
    also: Sequence[Markup]


def first_screen(run: ReportedRun, sections: Sequence[Filled]) -> FirstScreen:
    """Of the sections of a page."""
    by_id = {filled.section.id: filled.content for filled in sections}
    selection: Selection | None = by_id[groups.SECTION.id].shown.selection
    figures = [group_figure(selection, layout) for layout in (WIDE, NARROW)] if selection else []
    also = [sentence for filled in sections for sentence in filled.also]
    changed = _changed(by_id)
    return FirstScreen(badges(run.record, selection), what(run), _lead(selection, changed),
                       list(_tiles(run, selection, by_id)), list(filter(None, figures)),
                       _caption(selection), _selections(selection), also[:MOST_SENTENCES])


def _changed(sections: Mapping[str, Content]) -> versions.VersionsContent | None:
    """What changed since an earlier version; None where there is none."""
    content = sections.get(versions.SECTION.id)
    return content.shown if content else None


def _lead(selection: Selection | None, since: versions.VersionsContent | None) -> list[Markup]:
    """The sentences that say anything: beside an earlier version first what changed, for whom."""
    if selection is None:
        return []
    first = (since.sentences if since else []) or [lead.how_good(selection)]
    return list(filter(None, [*first, lead.served_worst(selection, reality(selection))]))


def _tiles(run: ReportedRun, selection: Selection | None, sections: Mapping[str, Content]
           ) -> Iterator[Tile]:
    """In the order of the questions."""
    lost: left_out.Lost = sections[left_out.ID].shown
    since = _changed(sections)
    if since and since.changed:
        yield change_words.tile(since.changed)
    yield tiles.how_good(selection)
    yield tiles.served_worst(selection)
    measured: list[Value] = []
    if selection is not None:
        yield tiles.is_it_real(reality(selection))
        measured = list(run.headline.of(selection.metric).values())
    yield tiles.lost(measured, lost.missing, lost.unvalued, lost.others)
    if since and since.comparison:
        yield gate_words.tile(since.comparison)
    else:
        yield tiles.may_it_ship(sections[versions.SECTION.id].named_tables.get("versions")
                                if since else None)


def what(run: ReportedRun) -> list[str]:
    """What was tested on whom, and when."""
    record, headline = run.record, run.headline
    of = f" of {count(record.corpus.speakers, 'speaker')}" if record.corpus.speakers else ""
    names = ", ".join(headline.conditions) if len(headline.conditions) <= MOST_NAMED else ""
    conditions = [] if headline.conditions in ([], [GIVEN]) else [
        count(len(headline.conditions), "condition") + (names and f" ({names})")]
    return [count(len(headline.pipelines), "pipeline"), *conditions,
            count(record.corpus.utterances, "utterance") + of, str(record.created)[:10]]


def badges(record: RunRecord, selection: Selection | None) -> list[str]:
    """What the corpus is no evidence of. It is synthetic where the title or the first paragraph of
    its card says so, small where a group that is compared has fewer than FEW_SPEAKERS."""
    found = []
    top = "\n\n".join((record.corpus.card or "").split("\n\n")[:2])
    if _SYNTHETIC.search(top):
        found.append("Synthetic speech: no evidence about people")
    if not record.corpus.speakers:
        found.append("No speaker ids: intervals may be too narrow")
    elif selection is not None:
        found += _small(selection)
    return found


def _small(selection: Selection) -> list[str]:
    sizes = [row.n_speakers for row in selection.compared]
    if not sizes:
        n = selection.everybody.n_speakers or 0
        return [f"Small: {count(n, 'speaker')}"] if n < FEW_SPEAKERS else []
    if min(sizes) >= FEW_SPEAKERS:
        return []
    low, high = min(sizes), max(sizes)
    many = count(low, "speaker") if low == high else f"{low} to {high} speakers"
    return [f"Small: {many} a group"]


def _selections(selection: Selection | None) -> Markup:
    """As JSON that stands within HTML; empty where nothing is selected."""
    if selection is None:
        return Markup()
    condition = selection.parts[0].condition if len(selection.parts) == 1 else ""
    start = {"pipeline": selection.pipeline, "condition": condition, "metric": selection.metric,
             "by": selection.by}
    said = json.dumps({"start": {key: printable(name) for key, name in start.items()}})
    return Markup(said.replace("<", "\\u003c"))  # noqa: S704 -- no tag can end it


def _caption(selection: Selection | None) -> Markup:
    """What the figure shows."""
    if selection is None or selection.report is None:
        return Markup()
    unit = f", {selection.fact.unit}" if selection.fact.unit else ""
    speakers = any(row.n_speakers for row in selection.report.rows)
    parts = [f"{selection.title}{unit} by {selection.by}, with 95 % intervals",
             f"; {selection.pipeline} {selection.where}".rstrip(),
             f"; farther to the {'right' if selection.fact.worse < 0 else 'left'} is better.",
             " Beside a name: how many speakers." if speakers else ""]
    few = any(row.status != "ok" for row in selection.report.rows)
    parts += [" Hollow: too few to compare."] if few else []
    more = len(selection.report.rows) - MOST
    parts += [f" {count(more, 'further group')} below."] if more > 0 else []
    return Markup("{}").format("".join(parts))
