"""``mitigate.yaml``: experiments by name, and running them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import Field, model_validator

from evalkit.core.checked import checked
from evalkit.core.config import PATHS, RunName, absolute_paths
from evalkit.core.strict import Strict
from evalkit.core.yaml_files import read_yaml
from evalkit.mitigation.recognition import RecognitionConfig, run_recognition
from evalkit.mitigation.verification import VerificationConfig, run_verification
from evalkit.store.lock import locked
from evalkit.store.runfolder import RunFolder

MANIFESTS = frozenset({"general", "train", "dev", "test"})

Say = Callable[[str], None]


class MitigationConfig(Strict):
    """The whole of ``mitigate.yaml``: experiments by name. Paths are relative to its folder."""

    recognition: dict[RunName, RecognitionConfig] = Field(default_factory=dict)
    verification: dict[RunName, VerificationConfig] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names(self) -> MitigationConfig:
        both = set(self.recognition) & set(self.verification)
        if both:
            raise ValueError(f"two experiments are named {min(both)!r}")
        if not self.recognition and not self.verification:
            raise ValueError("there is no experiment; write one under recognition or verification")
        return self


def read_mitigation_config(path: Path | str) -> MitigationConfig:
    """Raises ConfigError naming the file and the first key that is wrong."""
    path = Path(path)
    tree = absolute_paths(read_yaml(path), path.parent.resolve(), PATHS | MANIFESTS)
    return checked(MitigationConfig, tree, path)


def run_mitigation(config: MitigationConfig, out: Path, *, say: Say = lambda line: None,
                   workers: int = 0) -> list[Path]:
    """Runs every experiment into ``out/mitigation/NAME`` and returns the paths of their
    results.json.

    What an earlier, perhaps killed, call left there is used where nothing that decides it has
    changed. ``workers`` processes share the work; this one does it where 0. Raises EvalkitError
    for what the user can correct."""
    folder = out / "mitigation"
    with locked(out, "mitigate"):
        run = RunFolder(out).digest()
        return [*(run_recognition(settings, folder / name, run=run, say=_named(name, say),
                                  workers=workers)
                  for name, settings in config.recognition.items()),
                *(run_verification(settings, folder / name, run=run, say=_named(name, say),
                                   workers=workers)
                  for name, settings in config.verification.items())]


def _named(name: str, say: Say) -> Say:
    return lambda line: say(f"{name}: {line}")
