"""Whom does enhancement help, whom does it harm? Every group against no enhancement, and against
the others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from markupsafe import Markup

from evalkit.core import text
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.types import Fact, Interval
from evalkit.report.figures import MOST_GROUPS
from evalkit.report.gain_figures import gains_by_group
from evalkit.report.gain_words import (
    answers,
    effects,
    fares,
    helps_or_harms,
    in_brief,
    standings,
)
from evalkit.report.gains import Gain, Gains, gains_of
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import (
    STATUS_MARKS,
    Cell,
    Column,
    Row,
    Table,
    counted,
    failed,
    measured,
    p_value,
    texts,
)
from evalkit.statistics.gains import GainRow

MOST_SAID = 3
"""Enhancers that the first screen names."""
MARKS = {"helped": "▲", "harmed": "▼", "better": "▲", "worse": "▼"}


@dataclass(frozen=True)
class Enhancement:
    """``answers`` are the two questions' in words; ``figures`` are one a metric and condition;
    ``not_compared`` says what could not be, of the run as a whole; ``notes`` are what statistics
    warn of."""

    gains: Gains
    answers: list[Markup]
    fares: Markup
    figures: list[tuple[str, Markup]]
    not_compared: list[LeftOut]
    notes: list[str]
    most: int = MOST_GROUPS

    @property
    def cut(self) -> bool:
        """Whether the figures show only ``most`` groups of a column."""
        return any(len(report.rows) > self.most for gain in self.gains.found
                   for report in gain.reports)


def build(run: ReportedRun) -> Content | None:
    """Shown where a pipeline has an enhancer."""
    gains = gains_of(run)
    if gains is None:
        return None
    reports = [report for gain in gains.found for report in gain.reports]
    notes = dict.fromkeys(note for report in reports for note in report.warnings)
    shown = Enhancement(gains, answers(gains), fares(gains),
                        gains_by_group(gains.found, run.headline.pipelines),
                        merged(gains.not_compared), list(notes))
    effect, standing = _questions(gains)
    return Content(shown, [effect, standing, every_group(gains)], [effect, standing],
                   [helps_or_harms(gains), shown.fares],
                   {"pairs": gains.pairs, "columns": gains.columns,
                    "gains": [report.to_dict() for report in reports]}, gains.left_out,
                   in_brief(gains)[:MOST_SAID])


SECTION = Section("enhancement", "Whom does enhancement help, whom does it harm?", build,
                  "enhancement.html.j2")


def _questions(gains: Gains) -> tuple[Table, Table]:
    """A row a pipeline, metric and condition, a column of words a column of groups: whether groups
    are helped or harmed, and whether alike."""
    columns = [Column(f"by-{i}", f"By {name}") for i, name in enumerate(gains.columns)]
    effect, standing = [], []
    for gain in gains.found:
        where = {"pipeline": Cell(gain.enhanced, f"against {gain.baseline}"),
                 "metric": Cell(gain.title, f"in {gain.condition}")}
        effect.append(Row(where | {
            "change": replace(_change(gain.everybody.change, gain.fact),
                              n_failed=gain.everybody.n_failed),
            "unit": Cell(gain.fact.difference_unit),
            "everybody": _word(gain.everybody.effect or "not judged")} | {
            column.key: Cell(effects(report))
            for column, report in zip(columns, gain.reports, strict=True)}))
        standing.append(Row(where | {
            column.key: Cell(*standings(report))
            for column, report in zip(columns, gain.reports, strict=True)}))
    first = [Column("pipeline", "Pipeline"), Column("metric", "Metric")]
    everybody = [Column("change", "Change, everybody", "number"), Column("unit", "Unit"),
                 Column("everybody", "Everybody")]
    return (Table("enhancement-effect", "Is a group helped or harmed, against no enhancement?",
                  [*first, *everybody, *columns], effect),
            Table("enhancement-standing", "Does a group fare worse or better by it than the "
                  "others?", [*first, *columns], standing))


def _word(word: str) -> Cell:
    return Cell(word, mark=MARKS.get(word, "◇"))


def _change(change: Interval, fact: Fact, why: str = "") -> Cell:
    """A signed change in the unit of differences."""
    cell = measured(change.value, fact, change.low, change.high, why)
    if not math.isfinite(change.value):
        return cell
    shown = text.number(change.value, fact, signed=True)
    return Cell(shown, cell.detail, value=cell.value, parts=cell.parts)


def every_group(gains: Gains) -> Table:
    """Both answers for every group, with all that stands behind them."""
    columns = [Column("enhanced", "Pipeline"), Column("baseline", "Against"),
               Column("condition", "Condition"), Column("metric", "Metric"),
               Column("column", "Grouped by"), Column("group", "Group"),
               Column("before", "Without", "number"), Column("after", "With", "number"),
               Column("change", "Change", "number"), Column("unit", "Unit of changes"),
               Column("p", "p of no change (Holm)", "number"),
               Column("effect", "Against no enhancement"),
               Column("gap", "Change against the others'", "number"),
               Column("p_gap", "p of no difference (Holm)", "number"),
               Column("standing", "Against the others"),
               Column("n_speakers", "Speakers", "number"), Column("n", "Utterances (n)", "number"),
               Column("n_failed", "Failed", "number")]
    return Table("enhancement", "What enhancement changes for every group, with 95 % intervals",
                 columns, [Row(cells) for gain in gains.found for cells in _groups(gain)])


def _groups(gain: Gain) -> Iterator[dict[str, Cell]]:
    for report in gain.reports:
        for row in report.rows:
            yield texts(enhanced=gain.enhanced, baseline=gain.baseline, metric=gain.title,
                        condition=gain.condition, column=report.by[0], group=row.group,
                        unit=gain.fact.difference_unit) | _group(row, gain.fact)


def _group(row: GainRow, fact: Fact) -> dict[str, Cell]:
    why = "" if row.status == "ok" else f"the group is {row.status}"
    gap = row.gap
    none = Cell(row.status, mark=STATUS_MARKS.get(row.status, "◇"))
    return {"before": measured(row.before, fact), "after": measured(row.after, fact),
            "change": _change(row.change, fact, why), "p": p_value(row.p_adjusted),
            "effect": _word(row.effect) if row.effect else none,
            "gap": _change(gap.difference, fact) if gap else measured(math.nan, fact, undefined=(
                why or "there is no other group")),
            "p_gap": p_value(gap.p_adjusted if gap else math.nan),
            "standing": _word(row.standing) if row.standing else none,
            "n_speakers": counted(row.n_speakers), "n": counted(row.n),
            "n_failed": failed(row.n_failed)}
