"""evalkit: evaluation and fairness benchmarking for speech systems.

``evalkit.run``, ``score``, ``groups``, ``gains``, ``systems``, ``cohorts``, ``report``,
``compare`` and the others of ``evalkit.__all__`` are functions; docs/api.md shows them.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspect import Signature

    from evalkit.api import (
        cohorts,
        compare,
        endpoints,
        freeze,
        frontier,
        gains,
        groups,
        history,
        latencies,
        meetings,
        merge,
        mitigate,
        plan,
        plan_change,
        read_run,
        releases,
        report,
        rescore,
        run,
        run_corpora,
        run_folders,
        score,
        score_tables,
        score_trials,
        systems,
        verification,
    )

__version__ = "0.1.0"
__all__ = ["cohorts", "compare", "endpoints", "freeze", "frontier", "gains", "groups", "history",
           "latencies", "meetings", "merge", "mitigate", "plan", "plan_change", "read_run",
           "releases", "report", "rescore", "run", "run_corpora", "run_folders", "score",
           "score_tables", "score_trials", "systems", "verification"]


class _Room(ModuleType):
    """A package that has a verb's name: importing it sets it as an attribute of ``evalkit``, where
    users expect the function, so that it is called as one."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return _verb(self.__name__)(*args, **options)

    @property
    def __signature__(self) -> Signature:
        from inspect import signature

        return signature(_verb(self.__name__))


def _verb(name: str) -> Any:
    return getattr(import_module("evalkit.api"), name.rpartition(".")[2])


for _name in ("cohorts", "compare", "report", "run", "systems"):
    import_module(f"evalkit.{_name}").__class__ = _Room


def __getattr__(name: str) -> Any:
    """The verbs, imported when they are asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'evalkit' has no attribute {name!r}")
    return _verb(name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
