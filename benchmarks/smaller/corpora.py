"""The corpora of the sweep, by name: accents, with a survey of 1,600 utterances to test on; and
10,000 utterances without a text that anybody learns from, in two corpora, since the grammar has too
few other sentences for one."""

from __future__ import annotations

from pathlib import Path

from evalkit.corpora.synthesis.config import SplitConfig, SynthConfig, read_synth_config
from evalkit.corpora.synthesis.corpus import synthesise

ACCENTS = Path(__file__).parents[2] / "datasets" / "accents"
TEST = "accents/survey"
UNLABELLED = ("unlabelled_0", "unlabelled_1")


def make(corpora: Path, workers: int) -> None:
    """Makes those that ``corpora`` does not have."""
    synthesise(accents(), corpora / "accents", workers=workers)
    for number, name in enumerate(UNLABELLED):
        synthesise(unlabelled(number), corpora / name, workers=workers)


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
