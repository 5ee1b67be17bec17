"""The corpora of the sweep, by name: accents, with a survey of 1,600 utterances to test on; and
10,000 utterances without a text that anybody learns from, in two corpora, since the grammar has too
few other sentences for one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.core.errors import ConfigError
from evalkit.corpora.synthesis.config import SplitConfig, SynthConfig, read_synth_config
from evalkit.corpora.synthesis.corpus import synthesise
from evalkit.models import SHIPPED
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.stream import hypothesis
from evalkit.models.transducer.whole import greedy, in_batches
from evalkit.training.taught import Transcribe, teach

ACCENTS = Path(__file__).parents[2] / "datasets" / "accents"
TEST = "accents/survey"
TAUGHT = "taught.jsonl"
"""What the shipped transducer hears of what has no text."""
UNLABELLED = ("unlabelled_0", "unlabelled_1")


def make(corpora: Path, workers: int) -> None:
    """Makes those that ``corpora`` does not have."""
    synthesise(accents(), corpora / "accents", workers=workers)
    for number, name in enumerate(UNLABELLED):
        manifests = synthesise(unlabelled(number), corpora / name, workers=workers)
        if not (corpora / name / TAUGHT).exists():
            for left_out in teach(manifests["train"], corpora / name / TAUGHT, _teacher(), RATE):
                print(left_out)


def made(corpora: Path, name: str) -> Path:
    """A file of ``corpora``. Raises ConfigError where it was not made."""
    path = corpora / name
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; `python -m benchmarks.smaller make {corpora}` "
                          "makes the corpora")
    return path


def sentences(corpora: Path, test: str = TEST) -> list[dict[str, Any]]:
    """The rows of a test (CORPUS/SPLIT). Raises ConfigError where it was not made."""
    lines = made(corpora, f"{test}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _teacher() -> Transcribe:
    model = Transducer.load(SHIPPED / "transducer.safetensors")

    def transcribe(waves: Sequence[np.ndarray]) -> list[str]:
        texts = {row: hypothesis(model, said).text for rows in in_batches(waves, 64)
                 for row, said in zip(rows, greedy(model, [waves[row] for row in rows]),
                                      strict=True)}
        return [texts[row] for row in range(len(waves))]

    return transcribe


def accents() -> SynthConfig:
    """The default corpus, with 25 speakers of each accent in the survey, of 8 utterances each."""
    config = read_synth_config(ACCENTS / "corpus.yaml")
    survey = SplitConfig(speakers=25, utterances=8)
    return config.model_copy(update={"splits": {**config.splits, "survey": survey}})


def unlabelled(number: int) -> SynthConfig:
    """5,000 sentences that accents does not say, by 125 voices of each accent, 5 each."""
    config = read_synth_config(ACCENTS / "corpus.yaml")
    return config.model_copy(update={
        "seed": config.seed + 1 + number, "prefix": f"u{number}-", "besides": (ACCENTS,),
        "splits": {"train": SplitConfig(speakers=125, utterances=5)}})
