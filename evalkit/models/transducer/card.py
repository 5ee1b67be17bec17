"""Making the reference transducer: its weights, and the model card that describes them."""

from __future__ import annotations

from pathlib import Path

from evalkit.models.card import RecognizerCard, make
from evalkit.models.transducer.training import TransducerTraining, kind
from evalkit.training.from_scratch import Progress

WEIGHTS, CHECKPOINT = "transducer.safetensors", "checkpoint.safetensors"

_ABOUT = """\
# Reference transducer

A streaming recognizer, an RNN transducer of {parameters:,} parameters, for trying evalkit: small
enough to ship, and trained so that it serves some accents worse than others. Its training and test
speech is synthetic (espeak-ng). It errs most on accents that are rare in its training data;
**nothing here says anything about people or their accents**, and it is of no use on real speech.
"""


def train_transducer(corpus: Path, out: Path, *, seed: int = 0, workers: int = 1,
                     device: str = "cpu", config: TransducerTraining | None = None,
                     progress: Progress = lambda *_: None) -> RecognizerCard:
    """Trains on ``corpus`` (train.jsonl, dev.jsonl, test.jsonl), writes transducer.safetensors
    and card.md into ``out`` and returns the card. ``seed`` replaces that of ``config``. A
    training that was stopped goes on from the checkpoint in ``out``, to the same weights. Raises
    ManifestError for an utterance that cannot be trained on; ConfigError where ``device`` cannot
    be used, or ``out`` holds a training by another recipe."""
    config = (config or TransducerTraining()).model_copy(update={"seed": seed})
    return make(kind(config), _ABOUT, corpus, out / WEIGHTS, config=config, workers=workers,
                device=device, checkpoint=out / CHECKPOINT, progress=progress)
