"""Making the reference transducer: its weights, and the model card that describes them."""

from __future__ import annotations

from pathlib import Path

from evalkit.metrics.word_lists import listed_in
from evalkit.models.card import RecognizerCard, make
from evalkit.models.transducer.objective import NAMES
from evalkit.models.transducer.training import TransducerTraining, kind
from evalkit.store.manifest import read_manifest
from evalkit.training.from_scratch import Progress

WEIGHTS, CHECKPOINT = "transducer.safetensors", "checkpoint.safetensors"

_ABOUT = """\
# Reference transducer

A streaming recognizer, an RNN transducer of {parameters:,} parameters, for trying evalkit: small
enough to ship, and trained so that it serves some accents worse than others. Its training and test
speech is synthetic (espeak-ng). It errs most on accents that are rare in its training data;
**nothing here says anything about people or their accents**, and it is of no use on real speech.
"""


def train_transducer(corpus: Path, out: Path, *, seed: int | None = None, workers: int = 1,
                     device: str = "cpu", config: TransducerTraining | None = None,
                     progress: Progress = lambda *_: None) -> RecognizerCard:
    """Trains on ``corpus`` (train.jsonl, dev.jsonl, test.jsonl), writes transducer.safetensors
    and card.md into ``out`` and returns the card. ``seed`` replaces that of ``config`` where it is
    given. A network that attends to phrases hears those of ``corpus``. A training that was stopped
    goes on from the checkpoint in ``out``, to the same weights. Raises ManifestError for an
    utterance that cannot be trained on; ConfigError where ``device`` cannot be used, or ``out``
    holds a training by another recipe, on other recordings or from other weights."""
    config = config or TransducerTraining()
    if seed is not None:
        config = config.model_copy(update={"seed": seed})
    names = names_in(corpus / "train.jsonl") if config.network.bias else ()
    return make(kind(config, names), _ABOUT, corpus, out / WEIGHTS, config=config, workers=workers,
                device=device, checkpoint=out / CHECKPOINT, progress=progress)


def names_in(manifest: Path) -> list[str]:
    """The names that utterances of ``manifest`` hold, sorted."""
    return sorted({name for each in read_manifest(manifest).utterances
                   for name in listed_in(each.metadata.get(NAMES))})
