"""The pipelines of one or more runs of one corpus, with their scores and what they take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from evalkit.core.errors import ConfigError, one_line
from evalkit.core.ledger import LeftOut
from evalkit.core.names import nearest, offer
from evalkit.core.types import Fact
from evalkit.statistics.pipeline_costs import costs_known, why_unknown
from evalkit.store.documents.frontier import AxisName, Taken
from evalkit.store.runfolder import RunFolder

TELLING = ["text", "speaker_id"]
"""What an utterance of one id has in all runs."""


@dataclass(frozen=True)
class Variants:
    """Rows of the ``scores`` of all pipelines, the ``utterances`` of their runs, what the metrics
    mean that all runs have, what each pipeline takes, and its run and its name there; ``left_out``
    is what was stated of other pipelines."""

    scores: pd.DataFrame
    utterances: pd.DataFrame
    facts: Mapping[str, Fact]
    taken: Mapping[str, Taken]
    origin: Mapping[str, tuple[RunFolder, str]]
    left_out: Sequence[LeftOut] = ()

    def only(self, pipelines: Sequence[str]) -> Variants:
        """Those that are named, or all where none is. Raises ConfigError for another name."""
        for name in pipelines:
            if name not in self.taken:
                raise ConfigError(f"no pipeline {name!r}; {offer(name, self.taken)}")
        return replace(self, taken={name: self.taken[name] for name in pipelines or self.taken})

    def told(self, stated: Mapping[str, Taken]) -> Variants:
        """With what is ``stated`` of pipelines in the place of what their run knows; what is stated
        of one that there is not is left out."""
        taken, lost = dict(self.taken), list[LeftOut]()
        for name, each in stated.items():
            if name in taken:
                taken[name] = taken[name].model_copy(update=each.model_dump(exclude_none=True))
                continue
            near = nearest(name, taken)
            why = "no such pipeline is compared" + (f"; did you mean {near!r}?" if near else "")
            lost.append(LeftOut("row", "costs", why, names=(one_line(name, 60),)))
        return replace(self, taken=taken, left_out=[*self.left_out, *lost])

    def check_columns(self, columns: Iterable[str]) -> None:
        """Raises ConfigError where two runs have another value for the same utterance in one of
        the ``columns``."""
        runs = list({run.path: run for run, _ in self.origin.values()}.values())
        tables = [run.utterances() for run in runs] if len(runs) > 1 else []
        for column in columns:
            values = [table[["utterance_id", column]] for table in tables if column in table]
            known = pd.concat(values).dropna() if values else pd.DataFrame({"utterance_id": []})
            known = known.drop_duplicates()
            twice = known.loc[known["utterance_id"].duplicated(), "utterance_id"]
            if len(twice):
                raise ConfigError(f"utterance {twice.iloc[0]!r} has another {column} in one run "
                                  "than in another; make the runs of one manifest, or group by "
                                  "another column")

    def why_unknown(self, pipeline: str, axis: AxisName) -> str:
        """Why what a pipeline takes is not known."""
        run, name = self.origin[pipeline]
        return why_unknown(run, name, axis)


def variants(runs: Sequence[RunFolder], condition: str | None = None) -> Variants:
    """Of all pipelines of the ``runs``, timed under one condition or all; one whose name several
    runs have is called RUN/NAME. Raises ConfigError for a run that is given twice, and for runs
    that were not scored alike or not on the same utterances."""
    for other in runs[1:]:
        _check_alike(runs[0], other)
    origin = {shown: (run, name) for run, names in zip(runs, _names(runs), strict=True)
              for name, shown in names.items()}
    taken = {name: costs_known(run, inside, condition) for name, (run, inside) in origin.items()}
    return Variants(_scores(runs, origin), _utterances(runs), _common_facts(runs), taken, origin)


def _utterances(runs: Sequence[RunFolder]) -> pd.DataFrame:
    """Those of all; a label is that of the first run that has it."""
    if len(runs) == 1:
        return runs[0].utterances()
    tables = pd.concat([run.utterances() for run in runs], ignore_index=True)
    return tables.groupby("utterance_id", sort=False, observed=True).first().reset_index()


def _common_facts(runs: Sequence[RunFolder]) -> dict[str, Fact]:
    first, *others = (run.record().metrics for run in runs)
    return {name: fact for name, fact in first.items() if all(name in each for each in others)}


def _names(runs: Sequence[RunFolder]) -> Iterator[dict[str, str]]:
    """Of every run how its pipelines are called."""
    often = Counter(name for run in runs for name in run.record().pipelines)
    for run, place in zip(runs, _told_apart(runs), strict=True):
        yield {name: f"{place}/{name}" if often[name] > 1 else name
               for name in run.record().pipelines}


def _told_apart(runs: Sequence[RunFolder]) -> list[str]:
    """The last folder of each path, or as many of the last as tell all of them apart. Raises
    ConfigError where a run is there twice."""
    paths = [run.path.resolve() for run in runs]
    for run, path in zip(runs, paths, strict=True):
        if paths.count(path) > 1:
            raise ConfigError(f"{run.path}: is given twice; name each run once")
    for n in range(1, max(len(path.parts) for path in paths)):
        names = ["/".join(path.parts[-n:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def _scores(runs: Sequence[RunFolder], origin: Mapping[str, tuple[RunFolder, str]]
            ) -> pd.DataFrame:
    if len(runs) == 1:
        return runs[0].scores()
    parts = []
    for shown, (run, name) in origin.items():
        scores = run.scores()
        part = scores[scores["pipeline"] == name]
        texts = {column: part[column].astype(str) for column in (
            "condition", "utterance_id", "metric")}
        parts.append(part.assign(**texts, pipeline=shown))
    return pd.concat(parts, ignore_index=True)


def _check_alike(first: RunFolder, other: RunFolder) -> None:
    """Raises ConfigError where scores or utterances of the two do not mean the same."""
    one, two = first.record(), other.record()
    where = f"{other.path}: cannot be set beside {first.path}: "
    for what in ("normaliser", "further_normalisers", "alignment_costs"):
        if getattr(one, what) != getattr(two, what):
            raise ConfigError(f"{where}they were scored with another {what.replace('_', ' ')}; "
                              "`evalkit score RUN` scores one anew")
    for name, fact in one.metrics.items():
        if two.metrics.get(name, fact) != fact:
            raise ConfigError(f"{where}{name} does not mean the same in both")
    _check_utterances(first, other, where)


def _check_utterances(first: RunFolder, other: RunFolder, where: str) -> None:
    one, two = (run.utterances().set_index("utterance_id").reindex(columns=TELLING).fillna("")
                for run in (first, other))
    common = one.index.intersection(two.index)
    if common.empty:
        raise ConfigError(f"{where}they have no utterance in common")
    for column in TELLING:
        differs = common[one.loc[common, column] != two.loc[common, column]]
        if len(differs):
            raise ConfigError(f"{where}utterance {differs[0]!r} has another {column} there; "
                              "they are of different corpora")
