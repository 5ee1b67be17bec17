"""Which system is best? All pipelines of a run, and of the runs beside it, with their ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from evalkit.core.text import count, with_unit
from evalkit.core.types import Fact
from evalkit.report.group_figure import WIDE
from evalkit.report.rank_figure import group_figures, has_lines, rank_figures, rank_range, shown
from evalkit.report.ranks import Ranks, apart, ranks_of
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import Cell, Column, Row, Table, measured, texts
from evalkit.report.text import in_sentence, say
from evalkit.statistics.bootstrap import on_scale
from evalkit.statistics.ranks import Ranked, Ranking

MOST_NAMED = 4
"""Systems that a sentence names."""


@dataclass(frozen=True)
class RanksContent:
    """``figures`` are one for a wide and one for a narrow screen, of ``shown`` systems;
    ``by_group`` are small ones of the groups, and ``best`` says of each which system is the
    best."""

    ranks: Ranks
    figures: list[Markup]
    by_group: list[tuple[str, Markup]]
    best: list[tuple[str, Markup]]
    shown: int

    @property
    def lines(self) -> bool:
        """Whether the wide figure has lines that join what cannot be told apart."""
        return has_lines(shown(self.ranks.everybody)[1], WIDE)


def build(run: ReportedRun) -> Content | None:
    """Nothing of fewer than evalkit.report.ranks.MANY systems; of those that have no utterance in
    common, that."""
    ranks = ranks_of(run)
    if ranks is None:
        return _unranked(apart(run))
    best = [(ranking.group, who_is_best(ranking)) for ranking in ranks.groups]
    shown_now = RanksContent(ranks, rank_figures(ranks), group_figures(ranks), best,
                             len(shown(ranks.everybody)[0]))
    sentence = _sentence(ranks)
    return Content(shown_now, list(_tables(ranks)), sentences=[sentence], also=[sentence],
                   findings={"ranks": [_plain(ranking) for ranking in
                                       (ranks.everybody, *ranks.groups)]},
                   left_out=ranks.left_out)


SECTION = Section("ranks", "Which system is best?", build, "ranks.html.j2")


def who_is_best(ranking: Ranking) -> Markup:
    """ "surely A", "A or B", "any of all 10"."""
    names, few = ranking.may_be_best, ranking.may_be_best[:MOST_NAMED]
    if len(names) == 1:
        return say("surely <b>{}</b>", names[0])
    if len(names) == len(ranking.systems):
        return say("any of all {}", len(names))
    *others, last = [say("<b>{}</b>", name) for name in few]
    if len(names) > len(few):
        return Markup(", ").join([*others, last]) + say(
            " or {}", count(len(names) - len(few), "other"))
    return Markup(", ").join(others) + " or " + last


def _unranked(n: int) -> Content | None:
    """Why ``n`` systems have no ranks; nothing of none."""
    why = say("The {} are not ranked: there is no utterance of which all of them have a value, and "
              "values of different utterances are no ranking.", count(n, "system"))
    return Content(why, sentences=[why], also=[why]) if n else None


def _sentence(ranks: Ranks) -> Markup:
    """Which may be best for everybody."""
    best, everybody = ranks.everybody.systems[0], ranks.everybody
    value = with_unit(best.value.value, ranks.fact)
    lead = say("Of {} the best by {} is ", count(len(everybody.systems), "system"),
               in_sentence(ranks.title)) + who_is_best(everybody)
    return lead + (say(", at {}.", value) if best.last == 1 else say(
        "; the best value has {}, {}.", best.system, value))


def _tables(ranks: Ranks) -> Iterator[Table]:
    unit = f", {ranks.fact.unit}" if ranks.fact.unit else ""
    columns = [Column("system", "System"), Column("value", f"{ranks.title}{unit}", "number"),
               Column("rank", "Rank", "number"), Column("alike", "Not told apart from")]
    everybody = ranks.everybody
    yield Table("ranks", "Systems by rank", columns, [
        Row(texts(system=ranked.system, alike=", ".join(everybody.alike(i)) or "none") | {
            "value": _value(ranked, ranks.fact), "rank": _rank(ranked)})
        for i, ranked in enumerate(everybody.systems)])
    yield _matrix(ranks)


def _matrix(ranks: Ranks) -> Table:
    """A row a system, a column a group; no rows without groups."""
    columns = [Column("system", "System"),
               *(Column(f"of {each.group}", each.group, "number") for each in ranks.groups)]
    by_group = [{ranked.system: ranked for ranked in each.systems} for each in ranks.groups]
    return Table("ranks-by-group", f"Ranks by {ranks.column}", columns, [
        Row(texts(system=ranked.system) | _in_groups(ranked.system, ranks, by_group))
        for ranked in ranks.everybody.systems if by_group])


def _in_groups(system: str, ranks: Ranks, by_group: Sequence[Mapping[str, Ranked]]
               ) -> dict[str, Cell]:
    return {f"of {ranking.group}": replace(
        _rank(known[system]), detail=with_unit(known[system].value.value, ranks.fact))
        for ranking, known in zip(ranks.groups, by_group, strict=True)}


def _value(ranked: Ranked, fact: Fact) -> Cell:
    value = on_scale(ranked.value, fact.bounds)
    return measured(value.value, fact, value.low, value.high)


def _rank(ranked: Ranked) -> Cell:
    """The ranks that are possible; the one that is surely the best is marked."""
    return Cell(rank_range(ranked), value=ranked.first, best=ranked.last == 1,
                parts={"last": float(ranked.last)})


def _plain(ranking: Ranking) -> dict[str, object]:
    return {"group": ranking.group, "systems": [
        {"system": ranked.system, "value": ranked.value.value, "first": ranked.first,
         "last": ranked.last} for ranked in ranking.systems]}
