"""Several runs of one version: their mean is compared, and how they differ enters intervals and
gates (evalkit.statistics.decoding).

All is paired on the blocks in which every run of both versions measured as many of the utterances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from evalkit.compare.baseline import Candidate
from evalkit.compare.pairing import Pairing
from evalkit.store.documents.baseline import Baseline, Cell, TrialCell

Scored = TypeVar("Scored", Cell, TrialCell)
ANOTHER = "differs between runs"
"""The digest of trials that are not the same in all runs of a version."""


class Reruns(NamedTuple):
    """Further runs of the base and of the candidate, on the blocks of the base."""

    base: Sequence[Candidate] = ()
    candidate: Sequence[Candidate] = ()

    @property
    def runs(self) -> tuple[int, int]:
        """Of base and candidate, with the ones that these are beside."""
        return 1 + len(self.base), 1 + len(self.candidate)

    def __bool__(self) -> bool:
        return bool(self.base or self.candidate)


NO_RERUNS = Reruns()


class Averaged(NamedTuple):
    """The means of all runs of base and candidate, and their pairing, which has that of each run
    with the mean of the other version."""

    base: Baseline
    candidate: Candidate
    pairing: Pairing


def averaged(base: Baseline, candidate: Candidate, more: Reruns) -> Averaged:
    """Base and candidate with further runs of each."""
    if not more:
        return Averaged(base, candidate, Pairing(base, candidate))
    sides = ([(base.scores, base.trials), *((run.scores, run.trials) for run in more.base)],
             [(run.scores, run.trials) for run in (candidate, *more.candidate)])
    scores = _comparable([[_by_key(scores) for scores, _ in side] for side in sides])
    trials = [[{(*cell.key, cell.column, cell.group): cell for cell in cells}
               for _, cells in side] for side in sides]
    old, new = ((_means(scores[i], _mean), _means(trials[i], _mean_trials)) for i in (0, 1))
    mean_base = base.model_copy(update={"scores": old[0], "trials": old[1]})
    mean_candidate = candidate._replace(scores=new[0], trials=new[1])
    runs = ([Pairing(base.model_copy(update={"scores": s, "trials": t}), mean_candidate)
             for s, t in _by_run(scores[0], trials[0])],
            [Pairing(mean_base, candidate._replace(scores=s, trials=t))
             for s, t in _by_run(scores[1], trials[1])])
    return Averaged(mean_base, mean_candidate,
                    Pairing(mean_base, mean_candidate, runs=runs))


def _by_run(scores: Sequence[Mapping[Any, Cell]], trials: Sequence[Mapping[Any, TrialCell]]
            ) -> list[tuple[list[Cell], list[TrialCell]]]:
    """Of every run the cells of both kinds."""
    return [([*s.values()], [*t.values()]) for s, t in zip(scores, trials, strict=True)]


def _by_key(cells: Iterable[Cell]) -> dict[Any, Cell]:
    return {cell.key: cell for cell in cells}


def _comparable(sides: Sequence[Sequence[Mapping[Any, Cell]]]) -> list[list[dict[Any, Cell]]]:
    """The scores of all runs; of blocks that not all of them measured as often, the base's number
    of utterances is kept and nothing else, so that they are left out and counted."""
    everywhere: dict[Any, np.ndarray] = {}
    for key in set.intersection(*(set(run) for side in sides for run in side)):
        n = np.array([run[key].n for side in sides for run in side])
        everywhere[key] = (n == n[0]).all(axis=0)
    return [[{key: _only(cell, everywhere[key], keeps_number=i == 0) if key in everywhere else cell
              for key, cell in run.items()} for run in side] for i, side in enumerate(sides)]


def _only(cell: Cell, same: np.ndarray, *, keeps_number: bool) -> Cell:
    parts = {name: np.where(same, getattr(cell, name), 0).tolist() for name in ("amount", "weight")}
    number = cell.n if keeps_number else np.where(same, cell.n, 0).tolist()
    return cell.model_copy(update={**parts, "n": number})


def _means(runs: Sequence[Mapping[Any, Scored]], mean: Callable[[Sequence[Scored]], Scored]
           ) -> list[Scored]:
    """Of what all runs have; what some lack is named as gone."""
    return [mean([run[key] for run in runs]) for key in runs[0]
            if all(key in run for run in runs)]


def _mean(cells: Sequence[Cell]) -> Cell:
    amount, weight = (np.mean([getattr(cell, name) for cell in cells], axis=0).tolist()
                      for name in ("amount", "weight"))
    failed = sorted({utterance for cell in cells for utterance in cell.failed})
    return cells[0].model_copy(update={"amount": amount, "weight": weight, "failed": failed})


def _mean_trials(cells: Sequence[TrialCell]) -> TrialCell:
    first = cells[0]
    if any((cell.trials, cell.speakers) != (first.trials, first.speakers) for cell in cells):
        return first.model_copy(update={"trials": ANOTHER})
    return first.model_copy(update={
        "values": np.mean([cell.values for cell in cells], axis=0).tolist(),
        "n_failed": max(cell.n_failed for cell in cells)})
