"""The first screen of a page: who was tested, how good it is, whom it serves worst, whether that is
real, what failed, and whether it may ship, of the Selection that the rule chooses and of all others
that a reader may choose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalkit.core.text import count
from evalkit.report import change_words, gate_words, tiles
from evalkit.report.changed import Changed
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Filled
from evalkit.report.sections import groups, left_out, versions
from evalkit.report.selection import Selection
from evalkit.report.selections import Selections, selected_groups
from evalkit.report.summary import FEW_SPEAKERS
from evalkit.report.tiles import Tile
from evalkit.report.view import Around, Control, View, controls, no_view, view_of
from evalkit.store.documents.run import RunRecord
from evalkit.store.scores import GIVEN

MOST_SENTENCES = 5
MOST_NAMED = 4
"""Conditions that are named at the top."""
_SYNTHETIC = re.compile(r"(?<!no )(?<!not )\bsynthetic\b", re.IGNORECASE)


@dataclass(frozen=True)
class FirstScreen:
    """``badges`` say what the corpus is no evidence of; ``sub`` is what was tested on whom;
    ``view`` is what is shown at first and ``views`` what can be, by the ``controls``; ``also`` is
    what sections found beside it."""

    badges: Sequence[str]
    sub: Sequence[str]
    view: View
    views: Sequence[View]
    controls: Sequence[Control]
    also: Sequence[Markup]


def first_screen(run: ReportedRun, sections: Sequence[Filled]) -> FirstScreen:
    """Of the sections of a page."""
    by_id = {filled.section.id: filled.content for filled in sections}
    selections: Selections | None = by_id[groups.SECTION.id].shown.selections
    views = list(_views(run, selections, by_id))
    also = [sentence for filled in sections for sentence in filled.also]
    return FirstScreen(
        badges(run.record, selections.start if selections else None), what(run), views[0], views,
        controls(selections.every if selections else ()), also[:MOST_SENTENCES])


def _views(run: ReportedRun, selections: Selections | None, sections: Mapping[str, Content]
           ) -> Iterator[View]:
    """The first is what is shown at first: beside an earlier version each begins with what changed,
    for whom."""
    found: left_out.Lost = sections[left_out.ID].shown
    since = _changed(sections)
    ships = _ships(since, sections)
    for i, each in enumerate(selections.every if selections else [None]):
        measured = list(run.headline.of(each.metric).values()) if each else []
        table = selected_groups(each, run.headline.facts[each.metric]) if each else None
        lost = tiles.lost(measured, found.missing, found.unvalued, found.others)
        changed = since.of(each, first=not i) if since else None
        around = _around(changed, [lost, ships])
        yield view_of(each, table, around) if each else no_view(run.headline.unjudged, around)


def _around(changed: Changed | None, after: Sequence[Tile]) -> Around:
    """What stands beside a selection, and first what changed of it since an earlier version."""
    if changed is None:
        return Around([], after)
    return Around([change_words.tile(changed)], after, change_words.sentences(changed))


def _changed(sections: Mapping[str, Content]) -> versions.VersionsContent | None:
    """What changed since an earlier version; None where there is none."""
    content = sections.get(versions.SECTION.id)
    return content.shown if content else None


def _ships(since: versions.VersionsContent | None, sections: Mapping[str, Content]) -> Tile:
    """Whether the version may ship."""
    if since and since.comparison:
        return gate_words.tile(since.comparison)
    return tiles.may_it_ship(sections[versions.SECTION.id].named_tables.get("versions")
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
