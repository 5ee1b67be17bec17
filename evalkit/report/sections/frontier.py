"""Who pays for what is smaller? Cost against error of pipelines, by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from markupsafe import Markup

from evalkit.core import text
from evalkit.core.errors import ConfigError
from evalkit.report.cost_figures import SIZE, apart, beside, by_ratio, from_nothing
from evalkit.report.figures import COLOURS, INK, drawn
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import Cell, Column, Row, Table, counted, measured, p_value, texts
from evalkit.report.text import in_sentence, say
from evalkit.statistics.frontier import Asked, frontier_of
from evalkit.statistics.variants import variants
from evalkit.store.documents.frontier import AXES, Frontier, OfGroup, PaidFor, Variant

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST = 3
"""Recognizers of which a frontier is shown unasked."""


@dataclass(frozen=True)
class FrontierContent:
    """The document, its figure, and who pays."""

    found: Frontier
    figure: Markup
    sentences: list[Markup]


def build(run: ReportedRun) -> Content | None:
    """Shown where at least FEWEST recognizers, which differ, have a cost and an error rate; or
    where costs are stated. Raises ConfigError where these make no frontier."""
    found = _frontier(run, list(run.record.pipelines)) if run.costs else _unasked(run)
    if found is None:
        return None
    sentences = [*_payers(found), *_sure(found)]
    figure = drawn(partial(_panel, found=found), SIZE, "frontier", _title(found))
    return Content(FrontierContent(found, figure, sentences), [pipelines(found), groups(found)],
                   sentences=sentences[:1], findings=found.to_dict(), left_out=found.left_out)


def _unasked(run: ReportedRun) -> Frontier | None:
    """None where a cost or a value is known of too few."""
    heard = {name: parts.recognizer.identity for name, parts in run.record.pipelines.items()
             if parts.recognizer}
    if len({*heard.values()}) < FEWEST:
        return None
    try:
        found = _frontier(run, list(heard))
    except ConfigError:
        return None
    return found if len(found.variants) >= FEWEST else None


def _frontier(run: ReportedRun, names: list[str]) -> Frontier:
    return frontier_of(variants([run.folder]).told(run.costs).only(names), Asked(
        by=[[run.column]] if run.column else [], allowed=run.allowed))


SECTION = Section("frontier", "Who pays for what is smaller?", build, "frontier.html.j2")


def _title(found: Frontier) -> str:
    return f"{found.fact.named(found.metric)} against {in_sentence(AXES[found.axis].title)}"


def _panel(figure: Figure, *, found: Frontier) -> None:
    """A mark a pipeline with its interval; a line through those that none dominates."""
    axes, axis, scale = figure.subplots(), AXES[found.axis], found.fact.scale
    known = [(axis.scale * (each.taken.on(found.axis) or 0.0), each) for each in found.variants]
    if all(cost > 0 for cost, _ in known):
        by_ratio(axes, [cost for cost, _ in known])
    best = [(cost, scale * each.value.value) for cost, each in known if each.dominated is None]
    axes.plot(*zip(*best, strict=True), color=COLOURS[0], linewidth=1.1, drawstyle="steps-post")
    made = [_mark(axes, cost, each, scale) for cost, each in known]
    axes.set(xlabel=axis.heading, ylabel=f"{found.fact.named(found.metric)}, {found.fact.unit}")
    axes.margins(y=0.12)
    from_nothing(axes)
    _tell_apart(axes, known, scale, made)
    axes.grid()
    axes.spines[["top", "right", "left"]].set_visible(False)


def _mark(axes: Axes, cost: float, each: Variant, scale: float) -> list[Artist]:
    colour, shape = (COLOURS[0], "o") if each.dominated is None else (COLOURS[-1], "X")
    value = scale * each.value.value
    return [axes.vlines(cost, scale * each.value.low, scale * each.value.high, color=colour,
                        linewidth=1.3),
            *axes.plot([cost], [value], marker=shape, color=colour, markersize=6.5,
                       linestyle="none", clip_on=False)]


def _tell_apart(axes: Axes, known: Sequence[tuple[float, Variant]], scale: float,
                made: Sequence[list[Artist]]) -> None:
    """Sets marks that would hide each other side by side, and the name of each beside it: the
    farther left, the higher, so that names do not hide each other either."""
    places = [(cost, scale * each.value.value) for cost, each in known]
    for (_, each), place, artists, points in zip(
            known, places, made, apart(axes, places), strict=True):
        beside(axes, artists, points)
        axes.annotate("\u200b" + text.short(each.pipeline, 24), place,
                      xytext=(4 + points, 4 - 1.5 * points), textcoords="offset points",
                      fontsize=7.5, color=INK)


def _payers(found: Frontier) -> list[Markup]:
    """Who pays, or that nobody is seen to, or why nobody could be."""
    pays = [say("<b>{}</b> pays for {}: {} of {} there, more than the others.", row.group,
                row.pipeline, text.with_unit(row.value.value, found.fact), found.metric)
            for row in found.payers]
    return pays or [
        say("No group could be tested: {}.", found.untested) if found.untested else
        say("No group is seen to pay more than the others for a pipeline that takes less than {} "
            "({}).", found.against, in_sentence(AXES[found.axis].title))]


def _sure(found: Frontier) -> list[Markup]:
    """Who is surely dominated."""
    worse = {each.pipeline: each.dominated for each in found.variants if each.dominated}
    title = in_sentence(AXES[found.axis].title)
    return [say("{} is surely dominated: {} takes no more ({}) and errs less.",
                name, each.by, title)
            for name, each in worse.items() if each.sure]


def pipelines(found: Frontier) -> Table:
    """A row a pipeline."""
    axis = AXES[found.axis]
    return Table("frontier", _title(found), [
        Column("pipeline", "Pipeline"), Column("cost", axis.heading, "number"),
        Column("value", found.fact.named(found.metric), "number"),
        Column("dominated", "Dominated by"), *_CHANGED],
        [Row(_pipeline(each, found)) for each in found.variants])


def _pipeline(each: Variant, found: Frontier) -> dict[str, Cell]:
    worse = each.dominated
    by = "" if worse is None else worse.by + ("" if worse.sure else " (by the estimates)")
    value = each.value
    return texts(pipeline=each.pipeline, dominated=by, cost=AXES[found.axis].shown(each.taken)) | {
        "value": measured(value.value, found.fact, value.low, value.high),
        **_changed(each.change, found)}


_CHANGED: Sequence[Column] = (
    Column("change", "Change", "number"), Column("p", "p, adjusted", "number"),
    Column("beyond", "Beyond the others", "number"), Column("q", "p of that, adjusted", "number"),
    Column("pays", "Verdict"))


def _changed(paid: PaidFor | None, found: Frontier) -> dict[str, Cell]:
    if paid is None:
        return texts(change="reference", p="", beyond="", q="", pays="")
    fact, beyond = found.fact, paid.beyond
    return texts(pays="pays" if paid.pays else paid.effect or "not tested") | {
        "change": measured(paid.change.value, fact, paid.change.low, paid.change.high),
        "p": p_value(paid.p_adjusted), "q": p_value(paid.beyond_p_adjusted),
        "beyond": Cell("") if beyond is None else measured(
            beyond.value, fact, beyond.low, beyond.high)}


def groups(found: Frontier) -> Table:
    """A row a group and pipeline."""
    return Table("frontier-groups", "Cost against error by group", [
        Column("group", "Group"), Column("pipeline", "Pipeline"),
        Column("speakers", "Speakers (n)", "number"),
        Column("value", found.fact.named(found.metric), "number"), *_CHANGED],
        [Row(_group(row, found)) for row in found.groups])


def _group(row: OfGroup, found: Frontier) -> dict[str, Cell]:
    value = row.value
    return texts(group=row.group, pipeline=row.pipeline) | {
        "speakers": counted(row.n_speakers),
        "value": measured(value.value, found.fact, value.low, value.high),
        **_changed(row.change, found)}
