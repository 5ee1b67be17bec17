"""A signal ends every command at any moment, from the first on, in one line or none."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.hostile import signals


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    signals.make(folder)
    return folder


@pytest.mark.parametrize("command", signals.COMMANDS)
@pytest.mark.parametrize("moment", ["importing", "any"])
def test_a_signal_at_any_moment_is_one_line(desk: Path, command: str, moment: str) -> None:
    rng = random.Random(f"{command} {moment}")
    after = rng.uniform(0, 0.1) if moment == "importing" else rng.uniform(0.1, 2)
    assert not list(signals.wrong(desk, command, after, rng.choice(signals.SIGNALS)))


@pytest.mark.parametrize("command", [
    "cohorts v1", "report v1 -o rep", "run eval.yaml -o y -j 1"])
def test_what_is_said_is_true_of_the_command(desk: Path, command: str) -> None:
    """Only what goes on where it was is told to be started again."""
    goes_on = command.startswith("run")
    code, lines = signals.stopped(desk, command, signals.SIGNALS[1], when=signals.at_work)
    assert code == 143
    assert lines[-1] == "stopped by SIGTERM" + goes_on * (
        ": what was finished is kept; start the same command again to go on")
