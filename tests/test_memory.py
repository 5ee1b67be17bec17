"""Memory that is given back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
from pathlib import Path
from evalkit.core.memory import give_back
import pyarrow

def resident():
    return 4096 * int(Path("/proc/self/statm").read_text().split()[1])

pieces = [bytes(2000) for _ in range(50_000)]
del pieces[:-1]  # the last keeps what lies below it
kept = resident()
give_back()
print(kept - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other systems keep nothing")
def test_what_was_freed_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True,
                          check=True)
    assert int(done.stdout) > 50_000_000
