"""The design's rules about imports, sizes and names, read from the source."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests import architecture
from tests.architecture import AUDIO, FOUNDATION, TABLES, TOP, modules, part, path_of

NOT_YET: dict[str, set[str]] = {
    "complex_functions": {"evalkit.run.rescore", "evalkit.run.plan"},
    "idle_protocols": {"evalkit.core.protocols: nothing asks for protocol CorpusReader"},
}
"""Modules, by rule, that are still to be rebuilt."""


def test_every_part_has_a_band() -> None:
    assert {part(module) for module in modules()} <= FOUNDATION | AUDIO | TABLES | TOP


@pytest.mark.parametrize("rule", architecture.RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule: Callable[[], list[str]]) -> None:
    exempt = tuple(NOT_YET.get(rule.__name__, ()))
    faults = [fault for fault in rule() if not (exempt and fault.startswith(exempt))]
    assert not faults, "\n".join(faults)


def test_most_functions_are_short_and_simple() -> None:
    _, lines, numbers = zip(*architecture.measured_functions(), strict=True)
    assert architecture.p90(lines) <= architecture.FUNCTION_P90
    assert architecture.p90(numbers) <= architecture.COMPLEXITY_P90


@pytest.mark.parametrize("statement", [
    "import evalkit", "import evalkit.cli",
    "import evalkit.core.config, evalkit.core.plugins, evalkit.store.manifest",
    "import evalkit.store.runfolder"])
def test_imports_stay_light(statement: str) -> None:
    check = (f"{statement}; import sys; "
             "print({'torch', 'matplotlib', 'librosa'} & set(sys.modules))")
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True,
                            check=True)
    assert result.stdout.strip() == "set()"


def test_every_module_says_what_it_is() -> None:
    assert not [module for module, tree in modules().items() if not ast.get_docstring(tree)]


def test_every_entry_point_leads_somewhere() -> None:
    for _, _, target in architecture.entry_points():
        module, _, name = target.partition(":")
        assert name in {getattr(node, "name", None) for node in modules()[module].body}, target


def test_processes_are_those_of_core() -> None:
    """The standard library's pools wait for their work, and leave locks, which are complained of
    in lines of their own, where a signal ends a command before."""
    for module in modules():
        assert not {"ProcessPoolExecutor", "get_context"} & set(
            re.findall(r"\w+", path_of(module).read_text())), module


def test_nothing_unsafe_is_called() -> None:
    for module, tree in modules().items():
        text = path_of(module).read_text()
        for call in ("pickle.", "yaml.load(", "shell=True", "weights_only=False",
                     "allow_pickle=True"):
            assert call not in text, f"{module}: {call}"
        calls = [node.func.id for node in ast.walk(tree)
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        assert not {"eval", "exec", "hash"} & set(calls), module
