"""A gate as a test: the fixture ``evalkit_gate``, which pytest knows wherever evalkit is installed.

Nothing but this module is imported until a test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from evalkit.store.documents.comparison import Comparison

BASELINE = "baseline.json.gz"
"""The base where none is named, beside the gates."""
REMARK = "evalkit"
"""The name of a property of a test's report: a line that is shown although the test passes."""


@dataclass(frozen=True)
class GateTest:
    """What the fixture ``evalkit_gate`` gives a test."""

    node: pytest.Item

    def __call__(self, candidate: Path | str, gates: Path | str, base: Path | str | None = None,
                 **options: Any) -> Comparison:
        """Compares the run folder ``candidate`` with ``base``, a run folder or a frozen baseline,
        as ``evalkit.compare`` does with ``options``, and fails the test, a line a reason, unless
        the file ``gates`` lets it pass. Paths are relative to pytest's root folder; without
        ``base`` it is BASELINE in the folder of ``gates``."""
        from evalkit.compare.formats import headline

        root = self.node.config.rootpath
        path = root / gates
        older = path.parent / BASELINE if base is None else root / base
        judged = (_judged(older, root / candidate, path, options) if older.exists() else
                  f"{older}: there is no such baseline; `evalkit baseline freeze RUN --out "
                  f"{older.name}` makes it")
        if isinstance(judged, str):
            pytest.fail(f"evalkit: {judged}", pytrace=False)
        self.node.user_properties += [(REMARK, line) for line in _remarks(judged)]
        if judged.exit_code:
            pytest.fail("\n".join([f"evalkit: {headline(judged)}", *_reasons(judged)]),
                        pytrace=False)
        return judged


@pytest.fixture
def evalkit_gate(request: pytest.FixtureRequest) -> GateTest:
    """A function that fails the test where a run is worse than gates allow:
    ``evalkit_gate("runs/v2", "gates.yaml")``."""
    return GateTest(request.node)


def _judged(base: Path, candidate: Path, gates: Path, options: dict[str, Any]) -> Comparison | str:
    """The comparison, or the line that says why there is none."""
    from evalkit import api
    from evalkit.core.errors import EvalkitError

    try:
        return api.compare(base, candidate, gates=gates, **options)
    except EvalkitError as error:
        return str(error)


def _reasons(comparison: Comparison) -> Iterator[str]:
    """Why the comparison does not pass."""
    from evalkit.compare.formats import is_stopping, sentence

    yield from comparison.problems
    for result in comparison.gates:
        yield from (f"{check.status}: {sentence(comparison, check)}"
                    for check in result.checks if is_stopping(result, check))


def _remarks(comparison: Comparison) -> Iterator[str]:
    """What to know of it, pass or not."""
    from evalkit.compare.formats import unsettled
    from evalkit.core.ledger import lines

    yield from comparison.notes
    yield from lines(comparison.left_out)
    yield from unsettled(comparison)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Shows the remarks of every gate, those that other processes judged too."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports
               if isinstance(report, pytest.TestReport) and report.when == "call"]
    remarks = [f"{report.nodeid}: {line}" for report in reports
               for name, line in report.user_properties if name == REMARK]
    if remarks:
        terminalreporter.section("evalkit")
        for remark in remarks:
            terminalreporter.write_line(remark)
