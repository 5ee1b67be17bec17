"""``corpus.yaml`` of a synthetic corpus."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from evalkit.core.checked import checked
from evalkit.core.errors import ConfigError
from evalkit.core.strict import Strict
from evalkit.core.yaml_files import read_yaml
from evalkit.corpora.synthesis.places import City

CONFIG = "corpus.yaml"
LATER = ("grammar", "prefix", "besides")
"""Keys that came when there were corpora already: where they have their defaults, a corpus is the
one that it was without them."""


class Count(Strict):
    """How many speakers of an accent, and how many utterances of each of them."""

    speakers: int = Field(gt=0)
    utterances: int = Field(gt=0)


class SplitConfig(Count):
    """A split's count for every accent, and the accents that have another ``instead``."""

    instead: dict[str, Count] = Field(default_factory=dict)


class AccentConfig(City):
    """espeak-ng's voice file, and the city where the accent is spoken."""

    voice: str


class SynthConfig(Strict):
    """``corpus.yaml`` of kind synth. ``spread`` in degrees; ``missing_age`` is the share of
    speakers whose age band is left blank; ``prefix`` is what ids of speakers begin with;
    ``besides`` are folders of corpora whose sentences are not said again."""

    kind: Literal["synth"]
    grammar: Literal["requests", "names", "invented", "spanish", "german"] = "requests"
    seed: int = Field(ge=0)
    prefix: str = Field("", pattern="^[a-z0-9-]{0,32}$")
    besides: tuple[Path, ...] = ()
    spread: float = Field(0.5, gt=0, le=5)
    missing_age: float = Field(0.0, ge=0, le=1)
    accents: dict[str, AccentConfig] = Field(min_length=1)
    splits: dict[Literal["train", "dev", "test", "survey"], SplitConfig] = Field(min_length=1)

    @model_validator(mode="after")
    def _known_accents(self) -> SynthConfig:
        named = {accent for split in self.splits.values() for accent in split.instead}
        if unknown := sorted(named - set(self.accents)):
            raise ValueError(f"instead names no accent of the corpus: {unknown[0]!r}")
        if len({city.area for city in self.accents.values()}) < len(self.accents):
            raise ValueError("two accents have the same area")
        return self

    @property
    def counts(self) -> dict[tuple[str, str], Count]:
        """By split and accent."""
        return {(split, accent): scheme.instead.get(accent, scheme)
                for split, scheme in self.splits.items() for accent in self.accents}

    @property
    def utterances(self) -> Counter[str]:
        """How many, by split."""
        asked = Counter[str]()
        for (split, _), count in self.counts.items():
            asked[split] += count.speakers * count.utterances
        return asked


def read_synth_config(path: Path) -> SynthConfig:
    """Reads ``corpus.yaml``; the folders of ``besides`` are relative to its own. Raises ConfigError
    naming the file and the first key that is wrong."""
    config = checked(SynthConfig, read_yaml(path), path)
    return config.model_copy(update={"besides": tuple(path.parent / folder
                                                      for folder in config.besides)})


def read_besides(config: SynthConfig) -> list[SynthConfig]:
    """The configurations of the corpora that ``config`` is besides, and of those that they are
    besides, each once. Raises ConfigError where one cannot be read, or is besides itself."""
    return list(_besides(config, ()).values())


def _besides(config: SynthConfig, within: tuple[Path, ...]) -> dict[Path, SynthConfig]:
    found: dict[Path, SynthConfig] = {}
    for path in ((folder / CONFIG).resolve() for folder in config.besides):
        if path in within:
            raise ConfigError(f"{path}: is besides itself; take it out of one key besides")
        found[path] = read_synth_config(path)
        found |= _besides(found[path], (*within, path))
    return found
