"""gates.yaml: what is understood, and what is refused in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evalkit.compare.gates import Gate, read_gates
from evalkit.compare.scopes import Scope, parse_scope
from evalkit.core.errors import ConfigError
from evalkit.store.documents.comparison import Tolerance


@pytest.mark.parametrize(("text", "scope"), [
    ("overall", Scope("overall")), ("accent=Scottish", Scope("group", "accent", "Scottish")),
    ("every accent", Scope("every", "accent")),
    ("worst home region", Scope("worst", "home region")),
    ("gap gender,accent", Scope("gap", "gender,accent")),
    ("cohorts.declared=accent = Scottish", Scope("group", "cohorts.declared", "accent = Scottish")),
])
def test_scopes(text: str, scope: Scope) -> None:
    assert parse_scope(text) == scope
    assert Gate(metric="wer", scope=text).model_dump()["scope"] == str(scope)


def test_the_documented_gates_are_gates(tmp_path: Path) -> None:
    docs = Path(__file__).parent.parent.parent / "docs"
    (block,) = re.findall(r"^```yaml\n(.*?)^```", (docs / "gates.md").read_text(),
                          re.MULTILINE | re.DOTALL)
    (tmp_path / "gates.yaml").write_text(block)
    kinds = {gate.scope.kind for gate in read_gates(tmp_path / "gates.yaml").gates}
    assert kinds == {"overall", "every", "worst", "gap"}
    assert len(read_gates(docs / "ci" / "gates.yaml").gates) == 2


def test_the_larger_tolerance_counts() -> None:
    tolerance = Tolerance(absolute=0.01, relative=0.1)
    assert tolerance.budget(0.05) == 0.01
    assert tolerance.budget(-20.0) == 2.0
    assert Tolerance().budget(0.3) == 0.0


@pytest.mark.parametrize(("text", "message"), [
    ("gates: []", "gates: needs 1 or more, and has 0"),
    ("gates: [{scope: overall}]", "gates.0.metric: is missing"),
    ("gates: [{metric: wer, scope: everywhere}]", "gates.0.scope: 'everywhere' is no"),
    ("gates: [{metric: wer, scope: every }]", "gates.0.scope: 'every' is no scope"),
    ("gates: [{metric: wer, tolerence: {}}]", "gates.0: no key 'tolerence' here; did you "
     "mean 'tolerance'? there are metric,"),
    ("gates: [{metric: wer, tolerance: {relative: -1}}]",
     "gates.0.tolerance.relative: must be at least 0, not -1"),
    ("gates: [{metric: wer, tolerance: {absolute: .inf}}]",
     "gates.0.tolerance.absolute: must be a finite number"),
    ("gates: [{metric: wer, on_inconclusive: maybe}]",
     "gates.0.on_inconclusive: must be 'pass' or 'fail', not 'maybe'"),
    ("gates: [{metric: wer}]\non_inconclusive: [1]",
     "gates.yaml: on_inconclusive: must be 'pass' or 'fail'"),
    ("gates: [{metric: wer}]\nseries: {first: 1}", "series.first: must be less than 1, not 1"),
    ("gates: [{metric: wer}]\nlevel: 5", "level: must be less than 0.5, not 5"),
    ("- wer", "expected `key: value` lines"), ("gates: [", "not YAML"),
])
def test_a_mistake_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_gates(path)
    assert message in str(caught.value) and str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
