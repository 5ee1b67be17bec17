"""`make audit`: what it says with and without what it needs, with a pip-audit made up here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


PINNED = (ROOT / "constraints.txt").read_text().count("==")


def audit(folder: Path, program: str | None, requirements: Path
          ) -> subprocess.CompletedProcess[str]:
    """What the script does where ``program`` is the text of pip-audit, None where there is none."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("sh", "grep", "cat", "mktemp", "rm"):
        (tools / name).symlink_to(shutil.which(name) or name)
    if program is not None:
        (tools / "pip-audit").write_text(f"#!/bin/sh\n{program}\n")
        (tools / "pip-audit").chmod(0o755)
    return subprocess.run(["sh", str(ROOT / "benchmarks" / "audit.sh"), str(requirements)],
                          env={"PATH": str(tools), "TMPDIR": str(folder)}, cwd=ROOT,
                          capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("program", "code", "line"), [
    (None, 0, "audit skipped: pip-audit is not installed; pip install pip-audit"),
    ("echo 'ERROR: ConnectionError: Failed to resolve pypi.org' >&2; exit 1", 0,
     "audit skipped: no vulnerability service could be reached; try again with a network"),
    ("echo No known vulnerabilities found", 0, "No known vulnerabilities found"),
    ("echo No known vulnerabilities found; grep '==' constraints.txt | "
     "while read p; do echo $p Dependency not found and could not be audited; done", 0,
     f"audit skipped: the vulnerability service knows none of the {PINNED} packages"),
    ("echo 'Found 1 known vulnerability in 1 package'; exit 1", 1,
     "Found 1 known vulnerability in 1 package"),
    ("echo 'usage: pip-audit'; exit 2", 2, "usage: pip-audit")])
def test_what_an_audit_says(tmp_path: Path, program: str | None, code: int, line: str) -> None:
    result = audit(tmp_path, program, ROOT / "constraints.txt")
    assert (result.returncode, result.stdout.splitlines()) == (code, [line])


def test_what_could_not_be_looked_up_is_counted(tmp_path: Path) -> None:
    program = "echo No known vulnerabilities found; echo torch could not be audited"
    result = audit(tmp_path, program, ROOT / "constraints.txt")
    assert result.returncode == 0
    assert result.stdout.startswith(f"audit: 1 of {PINNED} packages could not be looked up:\n")


def test_a_list_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    result = audit(tmp_path, "exit 0", tmp_path / "absent.txt")
    assert result.returncode == 2 and "absent.txt: cannot be read" in result.stderr


def test_make_has_the_command() -> None:
    shown = subprocess.run(["make", "-n", "audit"], cwd=ROOT, capture_output=True, text=True,
                           check=True, env=os.environ)
    assert "benchmarks/audit.sh constraints.txt" in shown.stdout
