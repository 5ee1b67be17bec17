"""The verbs about versions: two compared, a series of releases judged, one kept, many shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.api.folders import AnyPath, check_version, matched, names_only, read_run
from evalkit.core.errors import ConfigError, RunError
from evalkit.core.files import in_one_line
from evalkit.store.objects import here

if TYPE_CHECKING:
    import pandas as pd

    from evalkit.compare.gates import Gates
    from evalkit.core.types import Fact
    from evalkit.store.documents.baseline import Baseline
    from evalkit.store.documents.comparison import Comparison


@in_one_line
def compare(base: AnyPath, candidate: AnyPath, *, gates: AnyPath | None = None,
            by: Sequence[str] = (), seed: int = 0, mapping: Mapping[str, str] | None = None,
            look: int | None = None, after: AnyPath | None = None,
            base_runs: Sequence[AnyPath] = (), runs: Sequence[AnyPath] = (),
            allow_outcomes: Sequence[str] = ()) -> Comparison:
    """Compares a run with an older one, a run folder or a frozen baseline, and judges the gates of
    the file ``gates``; without one, that no metric as a whole is significantly worse. ``by`` are
    columns whose groups are compared too; ``mapping`` says by which name in the candidate a
    pipeline of the base goes; ``allow_outcomes`` as for ``groups``, for gates too. Of two runs of
    several corpora each corpus is compared with its own, and its conditions are called
    CORPUS/CONDITION. ``look`` says that it is that release of a series against this base, counted
    from 1; ``after``, that it follows the one whose comparison is in that file, or the last of the
    ``releases`` in it. ``base_runs`` and ``runs`` are further runs of the base and of the
    candidate, of which the means are compared. ``outcome`` is "pass", "regression", "inconclusive"
    where a gate is and may not be, or "incomplete"."""
    base, candidate = here(base), here(candidate)
    base_runs, runs = list(map(here, base_runs)), list(map(here, runs))
    matched(candidate, [base], files=True)  # refuses what is absent before anything slow is loaded
    from evalkit.compare.series import asked_place

    judged = _gates(gates)
    return _compared(base, candidate, judged, by, seed=seed, mapping=mapping or {},
                     allowed=allow_outcomes, place=asked_place(judged, look, after),
                     reruns=(base_runs, runs))


@in_one_line
def releases(runs: Sequence[AnyPath], *, baseline: AnyPath, gates: AnyPath | None = None,
             seed: int = 0, mapping: Mapping[str, str] | None = None,
             allow_outcomes: Sequence[str] = ()) -> list[Comparison]:
    """``compare`` of one run after the other, in the order given, with one baseline, so that the
    chance of any false failure over them all is what ``series`` in the file ``gates`` says. A later
    run changes nothing of those before it."""
    from evalkit.compare.releases import order_notes
    from evalkit.compare.series import next_place

    baseline, runs = here(baseline), list(map(here, runs))
    folders = [matched(run, [baseline], files=True) for run in runs]
    notes = order_notes(folders[0][1][0], [newer for newer, _ in folders])
    terms = _gates(gates)
    judged: list[Comparison] = []
    for run, more in zip(runs, notes, strict=True):
        with _of_release(run):
            found = _compared(baseline, run, terms, (), seed=seed, mapping=mapping or {},
                              allowed=allow_outcomes, place=next_place(terms, judged))
        judged.append(found.model_copy(update={"notes": [*more, *found.notes]}))
    return judged


@contextmanager
def _of_release(run: AnyPath) -> Iterator[None]:
    """Says of which release of many an error is."""
    try:
        yield
    except (ConfigError, RunError) as error:
        raise type(error)(f"release {run}: {error}") from error


def _gates(path: AnyPath | None) -> Gates | None:
    from evalkit.compare.gates import read_gates

    return None if path is None else read_gates(Path(path))


def _compared(base: AnyPath, candidate: AnyPath, gates: Gates | None, by: Sequence[str], *,
              reruns: tuple[Sequence[AnyPath], Sequence[AnyPath]] = ((), ()), **options: Any
              ) -> Comparison:
    newer, (older, *others) = matched(candidate, [base, *reruns[0], *reruns[1]], files=True)
    from evalkit.compare import comparison
    from evalkit.compare.decoding import check_distinct

    if any(reruns):
        check_distinct(map(Path, [base, *reruns[0], candidate, *reruns[1]]))
    more = others[:len(reruns[0])], others[len(reruns[0]):]
    if None in newer:
        return comparison.compare(older[None], newer[None], gates, by, **options,
                                  more=([run[None] for run in more[0]],
                                        [run[None] for run in more[1]]))
    return comparison.compare_corpora(names_only(older), names_only(newer), gates, by, **options,
                                      more=(list(map(names_only, more[0])),
                                            list(map(names_only, more[1]))))


@in_one_line
def freeze(run: AnyPath, out: AnyPath, *, by: Sequence[str] = (),
           allow_outcomes: Sequence[str] = ()) -> Baseline:
    """Keeps a run's sums of every speaker in the small file ``out``, for ``compare``, without audio
    and text. ``by`` are columns to keep the groups of too; ``allow_outcomes`` as for ``groups``."""
    folder = read_run(run)
    from evalkit.compare import baseline

    frozen = baseline.freeze(folder, more=by, allowed=allow_outcomes)
    baseline.write_baseline(frozen, Path(out))
    return frozen


class History(NamedTuple):
    """Metrics over versions: one row a version, metric, pipeline and condition, and what the
    metrics mean."""

    table: pd.DataFrame
    facts: dict[str, Fact]


@in_one_line
def history(runs: Sequence[AnyPath], *, metrics: Sequence[str] = (), out: AnyPath | None = None
            ) -> History:
    """Metrics (every headline metric where none is named) over run folders or baselines, old to
    new, with intervals over speakers; ``out`` is a page (.html) or a figure (.svg) to write."""
    paths = list(map(here, runs))
    for version in paths:
        check_version(version)
    from evalkit.compare import history as versions

    table, facts = versions.history(paths, metrics)
    if out is not None:
        from evalkit.compare.history_page import write_history

        write_history(table, facts, Path(out), paths)
    return History(table, facts)
