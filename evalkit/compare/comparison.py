"""Two versions compared, and the gates decided: the one result that every format shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product
from pathlib import Path
from types import MappingProxyType

from evalkit.compare.baseline import Candidate, on_blocks, read_baseline
from evalkit.compare.changes import Cell, Untested, tested
from evalkit.compare.decoding import OfCorpora, noise_notes, of_corpus, read_reruns
from evalkit.compare.gates import Gate, Gates, named, usual_gates
from evalkit.compare.pairings import Pairings
from evalkit.compare.renaming import renamed
from evalkit.compare.reruns import NO_RERUNS, Reruns
from evalkit.compare.scopes import Scope
from evalkit.compare.series import Place, told
from evalkit.compare.unmatched import check_common, why_nothing
from evalkit.compare.verdicts import gate_results
from evalkit.core.errors import ConfigError, RunError, one_line
from evalkit.core.folders import without_folders
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.names import listed, offer
from evalkit.core.types import Fact
from evalkit.statistics.bootstrap import DEFAULT, Resampling
from evalkit.store.documents.baseline import Baseline, Key
from evalkit.store.documents.comparison import (
    Change,
    Comparison,
    GateResult,
    Outcome,
)
from evalkit.store.runfolder import RunFolder

EXIT_CODES: dict[Outcome, int] = {"pass": 0, "regression": 1, "inconclusive": 1, "incomplete": 2}
LARGEST_SHARE = 0.1
"""An absolute tolerance of a rate that is as large was meant in per cent."""


def compare(base: Path, candidate: Path, gates: Gates | None = None, by: Sequence[str] = (),
            seed: int = 0, *, mapping: Mapping[str, str] = MappingProxyType({}),
            allowed: Collection[str] = (), place: Place | None = None,
            more: tuple[Sequence[Path], Sequence[Path]] = ((), ())) -> Comparison:
    """Compares a run with a base, a run folder or a frozen baseline. Without ``gates`` there is
    one on the whole of every metric that the base has a value of, without tolerance. The groups of
    the columns ``by`` are shown beside what is gated; ``mapping`` says by which name in the
    candidate a pipeline of the base goes; ``allowed`` are columns to use although they are
    outcomes; ``place`` is that in a series of releases; ``more`` are further runs of the base and
    of the candidate, of which the means are compared.

    Raises RunError and ConfigError for what cannot be read, for two without a pipeline, condition
    or metric in common, for columns that are outcomes of either, for gates on metrics that the
    base does not have, that are neither better high nor low, or whose tolerance is no rate, and for
    gates of a series without a ``place`` that is of this baseline."""
    with named(gates):
        base_, candidate_ = _read(base, candidate, _columns(gates, by), mapping, allowed)
    return decide(base_, candidate_, gates, by, Resampling(seed=seed), place=place,
                  reruns=read_reruns((base_, candidate_), more, mapping, allowed))


def compare_corpora(base: Mapping[str, Path], candidate: Mapping[str, Path],
                    gates: Gates | None = None, by: Sequence[str] = (), seed: int = 0, *,
                    mapping: Mapping[str, str] = MappingProxyType({}),
                    allowed: Collection[str] = (), place: Place | None = None,
                    more: OfCorpora = ((), ())) -> Comparison:
    """``compare`` of the run folders of several corpora by their names. Each is compared with its
    own, and all changes are tested together, so that the level of the gates holds for all. Raises
    as ``compare`` does, naming the corpus."""
    common = [name for name in base if name in candidate]
    if not common:
        raise ConfigError(f"no corpus is in both versions: the base has {listed(base)}, the "
                          f"candidate {listed(candidate)}; run both on one, under one name")
    sides: dict[str | None, tuple[Baseline, Candidate]] = {}
    reruns: dict[str | None, Reruns] = {}
    for name in common:
        try:
            with named(gates):
                sides[name] = _read(base[name], candidate[name], _columns(
                    gates, by, {*common} - {name}), mapping, allowed)
            reruns[name] = read_reruns(sides[name], of_corpus(more, name), mapping, allowed)
        except (ConfigError, RunError) as error:
            raise type(error)(f"corpus {name}: {error}") from error
    older, newer = (str(each[common[0]].parent) for each in (base, candidate))
    gone, new = ([name for name in one if name not in other]
                 for one, other in ((base, candidate), (candidate, base)))
    return _decided(Pairings(sides, reruns), _Sides(
        older, newer, [f"corpora gone: {listed(gone)}"] if gone else [],
        [f"corpora that the base has not: {listed(new)}"] if new else [], place), gates, by,
        Resampling(seed=seed))


def _columns(gates: Gates | None, by: Sequence[str], strangers: Collection[str] = ()
             ) -> list[str]:
    """The columns that are asked for, but of the corpora ``strangers`` alone."""
    return list(dict.fromkeys([*(gates.columns_of(strangers) if gates else ()), *by]))


def _read(base: Path, candidate: Path, columns: Sequence[str], mapping: Mapping[str, str],
          allowed: Collection[str]) -> tuple[Baseline, Candidate]:
    frozen = read_baseline(base, columns, allowed)
    other = renamed(frozen, on_blocks(RunFolder(candidate), frozen, allowed), mapping)
    check_common(frozen, other)
    return frozen, other


@dataclass(frozen=True)
class _Sides:
    """The names of base and candidate, what is missing or new beside what each corpus says, and
    where in a series they stand."""

    base: str
    candidate: str
    problems: Sequence[str] = ()
    notes: Sequence[str] = ()
    place: Place | None = None


def decide(base: Baseline, candidate: Candidate, gates: Gates | None = None,
           by: Sequence[str] = (), resampling: Resampling = DEFAULT, *,
           place: Place | None = None, reruns: Reruns = NO_RERUNS) -> Comparison:
    """``compare`` of what was read. ``resampling`` is for intervals and tests; its level is the
    gates'."""
    return _decided(Pairings({None: (base, candidate)}, {None: reruns}),
                    _Sides(base.name, candidate.name, place=place), gates, by, resampling)


def _decided(pairing: Pairings, sides: _Sides, gates: Gates | None, by: Sequence[str],
             resampling: Resampling) -> Comparison:
    headline = [key for key in pairing.keys if is_headline(key[2], pairing.facts)]
    gates = gates or usual_gates(dict.fromkeys(
        key[2] for key in headline if key in pairing.defined))
    _check_metrics(pairing.facts, gates)
    place = _placed(gates, sides.place, pairing.made)
    asked = [_asked(pairing, gate) for gate in gates.gates]
    beside = _cells(pairing, headline, [Scope("overall"), *(Scope("every", c) for c in by)])
    gated, resampling = list(dict.fromkeys(chain(*asked))), replace(
        resampling, level=1 - gates.level)
    untested = {cell: pairing.measured(cell, gates.level, resampling)
                for cell in dict.fromkeys([*gated, *beside])}
    table = _changes(untested, gated, gates.level, resampling)
    results = gate_results(gates, asked, table, untested, resampling,
                           level=place.level if place else None)
    problems = [*sides.problems, *pairing.problems, *_undecided(pairing, gates, results)]
    return _comparison(pairing, replace(sides, problems=problems), gates.level, results,
                       list(table.values()))


def is_headline(metric: str, facts: Mapping[str, Fact]) -> bool:
    """Neither a part of another metric nor one of which neither more nor less is better."""
    return metric in facts and facts[metric].is_headline


def _asked(pairing: Pairings, gate: Gate) -> list[Cell]:
    """What a gate speaks of."""
    keys = (key for key in pairing.keys if gate.matches(key))
    return list(_cells(pairing, keys, [gate.scope]))


def _cells(pairing: Pairings, keys: Iterable[Key], scopes: Sequence[Scope]) -> Iterator[Cell]:
    """The scores in everything that ``scopes`` stand for."""
    for key, scope in product(keys, scopes):
        yield from pairing.cells(key, scope)


def _changes(untested: Mapping[Cell, Untested], gated: Sequence[Cell], level: float,
             resampling: Resampling) -> dict[Cell, Change]:
    """The gated changes, adjusted over themselves, then the others, adjusted over all."""
    table = dict(zip(untested, tested(list(untested.values()), level, resampling), strict=True))
    under_gates = tested([untested[cell] for cell in gated], level, resampling)
    return table | {cell: change.model_copy(update={"gated": True})
                    for cell, change in zip(gated, under_gates, strict=True)}


def _placed(gates: Gates, place: Place | None, made: str) -> Place | None:
    """Where the comparison stands. Raises ConfigError for gates of a series where that is not
    said, and for a place that is none of this baseline."""
    if place is None and gates.series is not None:
        raise ConfigError("the gates judge a series of releases: say which this is, --look 1 or "
                          "more, or --after with the comparison of the release before (or judge "
                          "all: `evalkit history --baseline --gates`)")
    return place.on(made) if place else None


def _comparison(pairing: Pairings, sides: _Sides, level: float, results: list[GateResult],
                changes: list[Change]) -> Comparison:
    outcome = _outcome(sides.problems, results)
    standing = sides.place.settled(pairing.made, outcome) if sides.place else None
    shown = {change.metric for change in changes}
    notes = [*sides.notes, *pairing.notes, *noise_notes(changes)]
    return Comparison(
        outcome=outcome, exit_code=EXIT_CODES[outcome], base=without_folders(sides.base),
        candidate=without_folders(sides.candidate), level=level,
        series=standing, problems=list(sides.problems),
        notes=[*notes, told(standing)] if standing else notes,
        left_out=merged([*_not_judged(results, changes), *pairing.left_out]),
        metrics={name: fact for name, fact in pairing.facts.items() if name in shown},
        gates=results, changes=changes, counted=pairing.counted)


def _outcome(problems: Sequence[str], results: Sequence[GateResult]) -> Outcome:
    """Where something is missing, what is there cannot answer for it."""
    if problems:
        return "incomplete"
    if any(result.status == "failed" for result in results):
        return "regression"
    return "inconclusive" if any(result.is_stopping for result in results) else "pass"


def _check_metrics(facts: Mapping[str, Fact], gates: Gates) -> None:
    for gate in gates.gates:
        fact = facts.get(gate.metric)
        if fact is None:
            raise ConfigError(f"{gates.told(gate)}: the base has no metric {gate.metric!r}; "
                              f"{offer(gate.metric, facts)}")
        if fact.higher_is_better is None:
            raise ConfigError(f"{gates.told(gate)}: {gate.metric} cannot be gated: neither higher "
                              "nor lower values are better")
        if fact.derived is not None:
            raise ConfigError(f"{gates.told(gate)}: {gate.metric} has no sums of its own to "
                              f"compare; gate {' or '.join(fact.derived.of)}, from which it "
                              "follows")
        if fact.scale > 1 and gate.tolerance.absolute >= LARGEST_SHARE:
            raise ConfigError(
                f"{gates.told(gate)}: absolute: {gate.tolerance.absolute:g} of {gate.metric} is "
                f"{fact.scale * gate.tolerance.absolute:g} points; write 0.005 for half a point")


def _not_judged(results: Sequence[GateResult], changes: Sequence[Change]) -> Iterator[LeftOut]:
    """Gates that no check decided, and groups that cannot be judged."""
    for result in results:
        if result.status == "not judged":
            why = result.checks[0].reason if result.checks else "both runs have nothing of it"
            yield LeftOut("gate", "gates", why, names=(str(result.gate),))
    for change in changes:
        if change.why is not None:
            where = f"{change.metric} of {change.pipeline}, {change.condition}"
            yield LeftOut("group", where, change.why, names=(change.scope,))


def _undecided(pairing: Pairings, gates: Gates, results: Sequence[GateResult]) -> Iterator[str]:
    if not results:
        yield "nothing to compare: no metric of one pipeline and condition is in both runs"
    for gate, result in zip(gates.gates, results, strict=True):
        if not result.checks:
            yield one_line(why_nothing(pairing, gate))
        elif result.status == "not judged":
            yield f"gate {result.gate} cannot be judged: {result.checks[0].reason}"
