"""A gate as a test, in pytest as it finds the installed package."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.store.manifest import write_manifest
from tests.conftest import evalkit

pytest_plugins = ["pytester"]
DOCS = (Path(__file__).parent.parent.parent / "docs" / "gates.md").read_text()
OTHERS = """
def test_worse(evalkit_gate):
    evalkit_gate("runs/worse", "gates.yaml", "runs/candidate")

def test_absent(evalkit_gate):
    evalkit_gate("runs/absent", "gates.yaml")
"""


def score(folder: Path, name: str, south: str) -> None:
    """A run in which those from the south are heard as ``south``, and two from the west."""
    sides = ["south", "north"] * 40 + ["west"] * 2
    write_manifest(folder / "m.jsonl", [
        {"id": f"u{i}", "text": "turn on the light", "speaker": f"s{i % 82 // 2}",
         "accent": side} for i, side in enumerate(sides * 5)])
    write_manifest(folder / "h.jsonl", [
        {"id": f"u{i}", "hypothesis": south if side == "south" else "turn on the light"[i % 3 * 5:]}
        for i, side in enumerate(sides * 5)])
    made = evalkit("score", "-m", "m.jsonl", "-y", "asr=h.jsonl", "-o", f"runs/{name}",
                   "--metric", "wer", cwd=folder)
    assert made.returncode == 0, made.stderr


def test_a_gate_passes_and_fails_as_a_test(pytester: pytest.Pytester) -> None:
    """The example of the documentation, and gates that fail, in one run of pytest."""
    folder = pytester.path
    score(folder, "candidate", "turn on a light")
    score(folder, "worse", "burn one a light")
    assert evalkit("baseline", "freeze", "runs/candidate", "-o", "baseline.json.gz",
                   cwd=folder).returncode == 0
    (folder / "gates.yaml").write_text(
        "gates: [{metric: wer, scope: every accent, tolerance: {relative: 0.05}}]\n")
    example, = re.findall(r"^```python\n(# test_release.py\n.*?)^```", DOCS, re.M | re.S)
    (folder / "test_release.py").write_text(example + OTHERS)
    result = pytester.runpytest_subprocess("--junitxml=j.xml", "--rootdir=.", "-W", "error")
    result.assert_outcomes(passed=1, failed=2)
    said = result.stdout.str()
    assert "evalkit: regression: 1 of 1 gates failed" in said
    assert re.search(r"^failed: wer % accent=south, asr, given: 25\.00 -> 75\.00, change \+50\.00"
                     r".*worse by more than the tolerance", said, re.M)
    assert re.search(r"^evalkit: .*absent.run.json: cannot be read", said, re.M)
    assert re.search(r"^test_release.py::test_nobody_is_served_worse: .*1 group left out.*"
                     r"\(accent=west\)$", said, re.M)
    assert "Traceback" not in said and "pytest_plugin.py" not in said
    assert 'name="evalkit"' in (folder / "j.xml").read_text()


def test_nothing_is_imported_where_no_test_asks() -> None:
    """Of evalkit nothing but the plug-in and the names of the verbs, and of others nothing."""
    check = ("import sys, pytest; before = set(sys.modules); import evalkit.pytest_plugin;"
             "new = set(sys.modules) - before;"
             "print(sorted({n.split('.')[0] for n in new} - set(sys.stdlib_module_names)),"
             "'evalkit.api' in new)")
    said = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert said.stdout == "['evalkit'] False\n"
