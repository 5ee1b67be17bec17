"""What every test may ask for."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, settings

from evalkit.store.manifest import write_manifest

settings.register_profile("busy machine", deadline=None,
                          suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

LONGEST = ("test_real.py", "test_workers.py", "test_readme.py", "test_outputs.py", "test_recipe.py",
           "test_light_core.py", "test_public_sets.py", "test_verification_experiment.py",
           "test_cli_compare.py", "test_quality.py", "test_training.py", "test_runner.py")
"""Files of tests that take longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those begin first, so that no process works on one while the others have nothing left."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings and results named by EVALKIT_REAL_DATA.

    Without the variable the test is skipped, except in CI, where it fails."""
    folder = os.environ.get("EVALKIT_REAL_DATA")
    if folder and Path(folder).is_dir():
        return Path(folder).resolve()
    message = "EVALKIT_REAL_DATA does not name a folder of real data"
    if os.environ.get("CI") or folder:
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def outside() -> Iterator[Path]:
    """Makes the plug-ins of ``tests/outside`` known, here and in processes started from here."""
    folder = Path(__file__).parent / "outside"
    before = os.environ.get("PYTHONPATH")
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), before]))
    yield folder
    sys.path.remove(str(folder))
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def evalkit(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What `evalkit WORDS` does and prints, run in this process, in the folder ``cwd``.

    It goes through the entry point of the installed program, so that exit codes and messages of
    errors are those that a user gets."""
    from evalkit.cli.commands import main

    output, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8", how, write_through=True)
                      for how in ("strict", "backslashreplace"))
    with (contextlib.chdir(cwd or Path.cwd()), contextlib.redirect_stdout(output),
          contextlib.redirect_stderr(errors),
          mock.patch.object(sys, "argv", ["evalkit", *map(str, words)]),
          mock.patch.object(sys.modules["__main__"], "__package__", None)):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
    said = [stream.buffer.getvalue().decode() for stream in (output, errors)]
    return subprocess.CompletedProcess(words, code, *said)


def installed(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    """The same of the installed program, in a process of its own: a second or more."""
    command = [str(Path(sys.executable).parent / "evalkit"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def tone(seconds: float, rate: int = 16_000, pitch: float = 200.0, seed: int = 0) -> np.ndarray:
    """A voice-like sound, float32 of shape (n,): harmonics in syllables, a little noise."""
    t = np.arange(round(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * k * pitch * t) / k for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 3 * t), 0, None)
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return (0.1 * voice * syllables + 1e-3 * noise).astype(np.float32)


@pytest.fixture(scope="session")
def tiny_percepnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network of PercepNet with random weights that has heard nothing above 8 kHz."""
    pytest.importorskip("onnx")
    import torch

    from evalkit.models.percepnet.graph import write
    from evalkit.models.percepnet.network import PercepNet, Sizes

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = PercepNet(Sizes(dense=12, channels=20, hidden=16, layers=2, strength=8))
        for weight in network.parameters():  # Larger than at birth, so that the gates work.
            torch.nn.init.normal_(weight, std=0.4)
    path = tmp_path_factory.mktemp("percepnet") / "tiny.onnx"
    write(network.eval(), path, {"bandwidth": "8000"})
    return path


@pytest.fixture
def tiny_corpus(tmp_path: Path) -> Path:
    """The manifest of twelve short recordings of four speakers of two accents."""
    folder = tmp_path / "corpus"
    (folder / "audio").mkdir(parents=True)
    rows = []
    for index in range(12):
        speaker, seconds = index % 4, 0.8 + 0.05 * index
        name = f"audio/{index}.wav"
        soundfile.write(folder / name, tone(seconds, pitch=120 + 40 * speaker, seed=index), 16_000)
        rows.append({"id": f"u{index}", "audio": name, "text": " ".join(["on"] * (8 + index % 3)),
                     "speaker": f"s{speaker}", "duration": seconds,
                     "accent": ("north", "south")[speaker % 2]})
    write_manifest(folder / "test.jsonl", rows)
    return folder / "test.jsonl"
