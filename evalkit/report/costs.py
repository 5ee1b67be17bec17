"""What the enhancers of a run take, and what they give for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Cost, Fact, Interval
from evalkit.report.networks import UNSAID
from evalkit.report.reported import ReportedRun
from evalkit.statistics.bootstrap import Contrast, intervals, on_scale
from evalkit.statistics.enhancement import baselines, common_conditions
from evalkit.statistics.gains import paired
from evalkit.statistics.groups import NOTHING
from evalkit.statistics.sums import speaker_sums
from evalkit.store.documents.run import Enhancing, System

UNTIMED = "no call of its enhancer was timed"


@dataclass(frozen=True)
class Time:
    """Seconds of audio that an enhancer was given, of time that passed in its calls, and of
    processors in them."""

    seconds: float
    elapsed: float
    processor: float

    @property
    def factor(self) -> float:
        """Seconds of processors a second of audio; NaN where nothing was timed."""
        return _positive(self.processor, self.seconds)

    @property
    def elapsed_factor(self) -> float:
        """The same of time that passed."""
        return _positive(self.elapsed, self.seconds)


@dataclass(frozen=True)
class Priced:
    """An enhancer as it was run in ``pipeline``, which stands for all pipelines with the same one
    and the same recognizer, ``others``. ``timed`` has a row a condition and machine. ``gains`` are
    the changes by metric over all conditions together, each ``against`` the pipeline named; or, of
    a run without a pipeline that has no enhancer, the values. ``failed`` utterances lack one."""

    pipeline: str
    others: Sequence[str]
    system: System
    timed: Sequence[Enhancing]
    gains: Mapping[str, Interval]
    against: Mapping[str, str]
    failed: Mapping[str, int]
    left_out: Sequence[LeftOut]

    @property
    def cost(self) -> Cost:
        """What its network takes."""
        return self.system.cost or UNSAID

    @property
    def time(self) -> Time:
        """Of all conditions and machines together."""
        return total(self.timed)


@dataclass(frozen=True)
class Costs:
    """The enhancers of a run, and by which ``metrics`` their gains are; ``over_nothing`` says that
    there is no pipeline without an enhancer to gain over."""

    enhancers: Sequence[Priced]
    metrics: Mapping[str, Fact]
    over_nothing: bool
    left_out: Sequence[LeftOut]

    @property
    def without(self) -> list[LeftOut]:
        """The conditions that a change is without."""
        return list(dict.fromkeys(item for each in self.enhancers for item in each.left_out))

    @property
    def machines(self) -> list[str]:
        """On which enhancers were timed."""
        return list(dict.fromkeys(row.machine for each in self.enhancers for row in each.timed))


def total(rows: Sequence[Enhancing]) -> Time:
    """The time of all ``rows`` together."""
    return Time(sum(row.seconds for row in rows), sum(row.elapsed_seconds for row in rows),
                sum(row.processor_seconds for row in rows))


def _positive(amount: float, seconds: float) -> float:
    known = seconds > 0 and amount > 0 and math.isfinite(amount / seconds)
    return amount / seconds if known else math.nan


def costs_of(run: ReportedRun) -> Costs | None:
    """None where no enhancer was run."""
    facts = run.headline.facts  # Enhancers are made for quality; errors come after it.
    metrics = {name: facts[name] for name in sorted(run.chief_metrics,
                                                    key=lambda name: facts[name].is_count)}
    plain = [name for name, parts in run.record.pipelines.items() if parts.enhancer is None]
    gained = _Gained(run, list(metrics), plain)
    enhancers = [_priced(run, names, system, gained) for system, names in _systems(run)]
    if not enhancers:
        return None
    return Costs(enhancers, metrics, not plain, list(_left_out(enhancers)))


def _left_out(enhancers: Sequence[Priced]) -> Iterator[LeftOut]:
    for each in enhancers:
        yield from each.left_out
        if math.isnan(each.time.factor):
            yield LeftOut("pipeline", "quality against cost", UNTIMED, names=(each.pipeline,))


def _systems(run: ReportedRun) -> list[tuple[System, list[str]]]:
    """Every enhancer with the pipelines that have it, apart by their recognizer, which errors
    depend on; those without one are with the first."""
    found: list[tuple[System, System | None, list[str]]] = []
    parts = {name: run.record.pipelines[name] for name in run.headline.pipelines
             if name in run.record.pipelines}
    for name in sorted(parts, key=lambda name: parts[name].recognizer is None):
        enhancer, recognizer = parts[name].enhancer, parts[name].recognizer
        if enhancer is None:
            continue
        known = next((names for system, ears, names in found
                      if system == enhancer and recognizer in (ears, None)), None)
        if known is None:
            found.append((enhancer, recognizer, [name]))
        else:
            known.append(name)
    return [(system, names) for system, _, names in found]


def _priced(run: ReportedRun, names: Sequence[str], system: System, gained: _Gained) -> Priced:
    """The first pipeline that most metrics are known of stands for all: what they hear is the
    same."""
    changes = {name: gained.of(name) for name in names}
    best = max(names, key=lambda name: len(changes[name]))
    timed = [row for row in run.summary.enhancing if row.pipeline == best]
    known = changes[best]
    return Priced(best, [name for name in names if name != best], system, timed,
                  {metric: change.value for metric, change in known.items()},
                  {metric: change.baseline for metric, change in known.items()},
                  {metric: change.n_failed for metric, change in known.items()},
                  [item for change in known.values() for item in change.left_out])


@dataclass(frozen=True)
class _Change:
    """Of one metric: the change over ``baseline``, ``n_failed`` utterances aside that one of the
    two has no value of, and the conditions that are ``left_out``."""

    value: Interval
    baseline: str
    n_failed: int
    left_out: Sequence[LeftOut]


@dataclass(frozen=True)
class _Gained:
    """Changes by ``metrics`` over the pipelines without an enhancer, ``plain``."""

    run: ReportedRun
    metrics: Sequence[str]
    plain: Sequence[str]

    def of(self, pipeline: str) -> dict[str, _Change]:
        """By metric, of what is known."""
        found = {metric: self._change(pipeline, metric) for metric in self.metrics}
        return {metric: change for metric, change in found.items()
                if math.isfinite(change.value.value)}

    def _change(self, pipeline: str, metric: str) -> _Change:
        rows = self.run.scores[self.run.scores["metric"] == metric]
        after = rows[rows["pipeline"] == pipeline]
        if not self.plain:
            value = _interval(after.assign(system="1"), Contrast((0, 0)))
            return _Change(on_scale(value, self.run.headline.facts[metric].bounds), "",
                           int(after["error"].notna().sum()), [])
        baseline = self._baseline(rows, pipeline, self.run.headline.facts[metric])
        if baseline is None or after.empty:
            return _Change(NOTHING, "", 0, [])
        common, lost = common_conditions(rows, self.run.record, pipeline, baseline)
        base, after = (part[part["condition"].isin(common)]
                       for part in (rows[rows["pipeline"] == baseline], after))
        both = paired(base, after)
        failed = int(both.loc[both["system"] == "1", "error"].notna().sum())
        return _Change(_interval(both, Contrast((0, 1), (0, 0))), baseline, failed, lost)

    def _baseline(self, rows: pd.DataFrame, pipeline: str, fact: Fact) -> str | None:
        """That of the pipeline where it has the metric; or else, of a metric of sound, any that
        has, since what they hear is the same. Errors are the recognizer's too."""
        usual = baselines(self.run.record.pipelines)[pipeline]
        of_sound = fact.scale == 1 and not fact.is_count
        having = set(rows["pipeline"])
        first = [usual] if usual else []
        return next((name for name in [*first, *(self.plain if of_sound else ())]
                     if name in having), None)


def _interval(rows: pd.DataFrame, contrast: Contrast) -> Interval:
    """NOTHING where a side has no value."""
    known = rows[rows["error"].isna()]
    if known["system"].nunique() < (1 if contrast.minus is None else 2):
        return NOTHING
    return intervals(speaker_sums(known, system="system"), [contrast])[0]
