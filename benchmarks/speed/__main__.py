"""``python -m benchmarks.speed``, as ``make bench`` says it: the command benchmarks/speed.py."""

from pathlib import Path
from runpy import run_path

run_path(str(Path(__file__).parent.with_suffix(".py")), run_name="__main__")
