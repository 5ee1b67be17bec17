"""Commands that only read tables start quickly, and refuse what cannot be before they are slow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SLOW = "{'pandas', 'scipy', 'sklearn', 'matplotlib', 'torch', 'soundfile', 'seaborn'}"


@pytest.mark.parametrize("words", [
    ["groups", "absent", "--by", "x"], ["systems", "absent"], ["cohorts", "absent"],
    ["report", "absent", "--out", "x"], ["compare", "absent", "absent"], ["history", "absent"],
    ["run", "absent.yaml", "--out", "x"], ["run", "misspelt.yaml", "--out", "x"],
    ["score", "-m", "absent", "-y", "h.tsv", "-o", "x"],
    ["groups", "absent", "--buy", "x"], ["doctor"]],
    ids=lambda words: words[0])
def test_nothing_slow_is_imported_to_refuse_or_to_look_around(
        tmp_path: Path, words: list[str]) -> None:
    program = ("import sys; from evalkit.cli.commands import main\ntry:\n    main()\nfinally:\n"
               f"    print('slow:', sorted({SLOW} & set(sys.modules)), file=sys.stderr)")
    (tmp_path / "misspelt.yaml").write_text("corpus: absent\nmetrics: [wer]\nnormaliser: basik\n"
                                            "pipelines: [{name: a, recognizer: pocketsphinx}]\n")
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run([sys.executable, "-c", program, *words], cwd=tmp_path, check=False,
                            capture_output=True, text=True, env=alone)
    assert ("did you mean 'basic'?" in result.stderr) == ("misspelt.yaml" in words)
    assert result.returncode == (0 if words == ["doctor"] else 2), result.stderr
    assert result.stderr.splitlines()[-1] == "slow: []"


def test_python_m_evalkit_is_the_command() -> None:
    said = subprocess.run([sys.executable, "-m", "evalkit", "--version"], check=False,
                          capture_output=True, text=True, timeout=60)
    assert said.returncode == 0 and said.stdout.startswith("evalkit ") and not said.stderr
