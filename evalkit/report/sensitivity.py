"""Whether the gap between groups depends on the text normaliser: a sensitivity analysis.

The same hypotheses under two normalisers are a pair for every utterance, so that what a normaliser
changes for one group and not for another is tested within speakers, as a gain is
(evalkit.statistics.gains)."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.report.groups import Groups
from evalkit.report.reported import ReportedRun
from evalkit.report.table import Cell, Column, Row, Table, measured, p_value, texts
from evalkit.statistics.gains import GainReport, Rule, gain_tables


def normaliser_table(run: ReportedRun, groups: Groups) -> Table:
    """The gap between the worst and the best group under every text normaliser, over all conditions
    together, and whether a further one changes all groups alike; pipelines without two groups to
    compare are left out."""
    unit = f", {groups.fact.difference_unit}" if groups.fact.difference_unit else ""
    first = run.record.normaliser.name
    columns = [Column("normaliser", "Text normaliser"), Column("pipeline", "Pipeline"),
               Column("worst", f"Worst group under {first}"),
               Column("best", f"Best group under {first}"),
               Column("before", f"Their gap under {first}{unit}", "number"),
               Column("after", f"Their gap{unit}", "number"),
               Column("worst_after", "Worst group"),
               Column("p", "Changes all groups alike, p", "number")]
    return Table("normalisers", f"{groups.title} by {groups.column} under other text normalisers",
                 columns, list(_rows(run, groups)))


def _rows(run: ReportedRun, groups: Groups) -> Iterator[Row]:
    rule = Rule(groups.fact)
    for name, fact in run.headline.facts.items():
        if fact.renormalised and fact.renormalised.of == groups.metric:
            for pipeline in run.headline.pipelines:
                base, other = (run.scores[(run.scores["metric"] == metric)
                                          & (run.scores["pipeline"] == pipeline)]
                               for metric in (groups.metric, name))
                if len(base) and len(other):
                    report, = gain_tables(base, other, run.utterances, [[groups.column]], rule)
                    yield from _row(report, groups, fact.renormalised.normaliser)


def _row(report: GainReport, groups: Groups, normaliser: str) -> Iterator[Row]:
    """None where fewer than two groups are compared."""
    fact = groups.fact
    compared = [row for row in report.rows if row.status == "ok"]
    if report.p_differ is None:
        return
    compared.sort(key=lambda row: (-fact.worse * row.before, row.group))
    worst, best = compared[0], compared[-1]
    now_worst = max(compared, key=lambda row: fact.worse * row.after)

    def gap(first: float, second: float) -> Cell:
        return measured(fact.worse * (first - second), fact)

    yield Row(texts(normaliser=normaliser, pipeline=report.enhanced, worst=worst.group,
                    best=best.group, worst_after=now_worst.group) | {
        "before": gap(worst.before, best.before), "after": gap(worst.after, best.after),
        "p": p_value(report.p_differ)})
