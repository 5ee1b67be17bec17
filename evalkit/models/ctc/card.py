"""Making the reference recognizer: its weights, and the model card that describes them."""

from __future__ import annotations

from pathlib import Path

from evalkit.models.card import RecognizerCard, make
from evalkit.models.ctc.training import TrainingConfig, kind
from evalkit.training.from_scratch import Progress

_ABOUT = """\
# Reference recognizer

A character CTC network of {parameters:,} parameters, for trying evalkit: small enough to ship, and
trained so that it serves some accents worse than others. Its training and test speech is
synthetic (espeak-ng). It errs most on accents that are rare in its training data; **nothing
here says anything about people or their accents**, and it is of no use on real speech.
"""


def train_reference(corpus: Path, out: Path, *, seed: int = 0, workers: int = 1,
                    config: TrainingConfig | None = None,
                    progress: Progress = lambda *_: None) -> RecognizerCard:
    """Trains on ``corpus`` (train.jsonl, dev.jsonl, test.jsonl), writes recognizer.safetensors
    and card.md into ``out`` and returns the card. ``seed`` replaces that of ``config``. Raises
    ManifestError for an utterance that cannot be trained on."""
    config = (config or TrainingConfig()).model_copy(update={"seed": seed})
    return make(kind(config.network), _ABOUT, corpus, out / "recognizer.safetensors",
                config=config, workers=workers, progress=progress)
