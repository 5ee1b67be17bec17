"""The first screen of a page of versions: what changed since the oldest one, how good the newest
is, and whom it serves worst, by the rule of a report (evalkit.report.selection)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from evalkit.core.text import count, span, with_unit
from evalkit.core.types import Fact, by_importance
from evalkit.report import change_words, lead, tiles
from evalkit.report.changed import Changed, Since
from evalkit.report.first_screen import FirstScreen, badges
from evalkit.report.reality import reality
from evalkit.report.reported import ReportedRun
from evalkit.report.selection import Selection, selected
from evalkit.report.text import in_sentence, say
from evalkit.report.tiles import Tile
from evalkit.report.trial_selections import with_own_groups
from evalkit.report.view import View
from evalkit.store.documents.baseline import Baseline
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import GIVEN


def in_order(table: pd.DataFrame, facts: Mapping[str, Fact]) -> list[str]:
    """The metrics of the table, the most important first."""
    present = list(dict.fromkeys(table["metric"]))
    known = by_importance({name: facts[name] for name in facts if name in present})
    return [*known, *(name for name in present if name not in known)]


def title_of(metric: str, fact: Fact) -> str:
    """What people call it, with its unit."""
    return f"{fact.named(metric)}, {fact.unit}" if fact.unit else fact.named(metric)


def first_screen(table: pd.DataFrame, facts: Mapping[str, Fact], versions: Sequence[Path]
                 ) -> FirstScreen:
    """Of the newest of the ``versions`` where it is a run folder that has the most important metric
    of the table, or else of the table alone."""
    found = _newest(in_order(table, facts)[0], versions)
    if found is None:
        return _screen([], [], [_best(table, facts), _how_many(table)], table)
    run, selection, changed = found
    said = [change_words.what_changed(changed), change_words.for_whom(changed)] if changed else [
        lead.how_good(selection)]
    said = list(filter(None, [*said, lead.served_worst(selection, reality(selection))]))
    shown = [*([change_words.tile(changed)] if changed else []), tiles.how_good(selection),
             tiles.served_worst(selection), tiles.is_it_real(reality(selection)),
             _how_many(table)]
    return _screen(badges(run.record, selection), said, shown, table)


def _screen(found: Sequence[str], said: Sequence[Markup], shown: Sequence[Tile],
            table: pd.DataFrame) -> FirstScreen:
    view = View(None, said, shown, [], "", None, Markup(), "")
    return FirstScreen(found, list(_sub(table)), view, [view], [], [])


def _newest(metric: str, versions: Sequence[Path]
            ) -> tuple[ReportedRun, Selection, Changed | None] | None:
    """The newest version, what its report would begin with, and what changed since the oldest."""
    ordered = sorted(versions, key=_created)
    if not ordered or ordered[-1].is_file():
        return None
    run = ReportedRun(RunFolder(ordered[-1]), Path())
    selection = selected(run)
    if selection is None or selection.metric != metric:
        return None
    selection = with_own_groups(run, selection)
    return run, selection, (Since(run, ordered[0]).changed(selection) if len(ordered) > 1 else None)


def _created(path: Path) -> str:
    return (Baseline.read(path).facts.created if path.is_file()
            else RunFolder(path).record().created)


def _best(table: pd.DataFrame, facts: Mapping[str, Fact]) -> Tile:
    """The best value of the newest version under the first condition."""
    metric = in_order(table, facts)[0]
    fact, rows = facts[metric], table[table["metric"] == metric]
    newest = rows[rows["created"] == rows["created"].max()]
    first = newest[newest["condition"] == newest["condition"].iloc[0]]
    best = first.loc[(fact.worse * first["value"]).idxmin()]
    bounds = span(best["low"], best["high"], fact)
    return Tile("How good", with_unit(best["value"], fact), [
        say("{}, 95 % interval {}, {}, {}.", in_sentence(fact.named(metric)), bounds or "unknown",
            best["pipeline"], best["condition"])])


def _how_many(table: pd.DataFrame) -> Tile:
    made = table["created"].str[:10]
    names = table.sort_values("created", kind="stable")[["created", "version"]].drop_duplicates()
    return Tile("Versions", f"{len(names):,}", [
        say("{} to {}; the newest is <b>{}</b>.", made.min(), made.max(),
            names["version"].iloc[-1])])


def _sub(table: pd.DataFrame) -> Iterator[str]:
    yield count(table[["created", "version"]].drop_duplicates().shape[0], "version")
    yield count(table["pipeline"].nunique(), "pipeline")
    if set(table["condition"]) != {GIVEN}:
        yield count(table["condition"].nunique(), "condition")
    yield f"{table['created'].min()[:10]} to {table['created'].max()[:10]}"
