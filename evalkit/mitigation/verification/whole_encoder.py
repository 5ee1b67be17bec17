"""The whole of a SpeechBrain speaker encoder as a network to be trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from evalkit.core.errors import ConfigError, one_line


class SpeechBrainEncoder(nn.Module):
    """An ``EncoderClassifier`` of SpeechBrain, such as one of ECAPA-TDNN (Desplanques et al.
    2020, arXiv:2005.07143), from waveforms (n, samples) to (n, 1, dimension)."""

    def __init__(self, classifier: Any) -> None:
        super().__init__()
        self.features = classifier.mods.compute_features
        self.normaliser = classifier.mods.mean_var_norm
        self.encoder = classifier.mods.embedding_model

    def forward(self, waves: Tensor) -> Tensor:
        whole = torch.ones(len(waves), device=waves.device)
        embeddings: Tensor = self.encoder(self.normaliser(self.features(waves), whole), whole)
        return embeddings


def load_speechbrain_encoder(folder: Path) -> SpeechBrainEncoder:
    """The encoder in ``folder``. Such a folder is a program, its hyperparams.yaml names what is
    called: load only one that you trust. Raises ConfigError where it holds no
    ``EncoderClassifier``."""
    from evalkit.models.torchaudio_standin import ensure_torchaudio

    ensure_torchaudio()
    from speechbrain.inference.classifiers import EncoderClassifier
    from speechbrain.utils.fetching import LocalStrategy

    if not folder.is_dir():
        raise ConfigError(f"whole: {folder} is no folder of a SpeechBrain speaker encoder")
    try:
        classifier = EncoderClassifier.from_hparams(
            source=str(folder), savedir=str(folder), local_strategy=LocalStrategy.NO_LINK,
            freeze_params=False)
    except Exception as error:  # what a folder's own code raises can be anything
        raise ConfigError(f"{folder}: cannot load a SpeechBrain speaker encoder: "
                          f"{one_line(error)}") from error
    return SpeechBrainEncoder(classifier)
