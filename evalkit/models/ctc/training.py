"""How the reference recognizer is trained from scratch."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from evalkit.core.types import Recording
from evalkit.models.ctc.network import RATE, CtcRecognizer, NetworkConfig, encode
from evalkit.training.from_scratch import FromScratch, Kind


class TrainingConfig(FromScratch):
    """The shipped recognizer's."""

    network: NetworkConfig = NetworkConfig()


def kind(config: NetworkConfig | None = None) -> Kind[CtcRecognizer]:
    """Recognizers of this size."""
    return Kind(make=partial(CtcRecognizer, config), objective=CtcRecognizer.loss,
                loss=CtcRecognizer.loss, transcribe=CtcRecognizer.transcribe,
                save=CtcRecognizer.save, rate=RATE, spell=encode)


def reference_recordings(manifest: Path) -> list[Recording]:
    """Every utterance of ``manifest`` with its waveform at RATE. Raises ManifestError, naming the
    utterance, where one has no audio, or no text that the reference recognizer can spell."""
    return kind().recordings(manifest)
