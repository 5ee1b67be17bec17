"""What benchmarks/speed.py says of itself; what it measures is in docs/performance.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("word", "code", "said"), [
    ("--help", 0, "example: python benchmarks/speed.py alignment"),
    ("alignmemt", 2, "no measurement 'alignmemt'; there are alignment, trials")])
def test_what_can_be_named_is_said(word: str, code: int, said: str) -> None:
    done = subprocess.run([sys.executable, "benchmarks/speed.py", word], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    assert done.returncode == code and said in done.stdout + done.stderr
    assert "stub_run" in done.stdout + done.stderr
