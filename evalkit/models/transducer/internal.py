"""The language model inside a transducer: what its predictor and joint network say of a text when
nothing is heard (Meng et al. 2021, arXiv:2011.01991, section 3; Variani et al. 2020,
arXiv:2003.07705)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from evalkit.models.tensors import device_of, threads
from evalkit.models.transducer.config import BLANK
from evalkit.models.transducer.network import Transducer


@torch.inference_mode()
def internal(model: Transducer, texts: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """For each of ``texts``, labels, the log-probability in nats of all labels up to and with each
    (labels,): the encoder's output is zero, the blank is left out, and what remains is made
    probabilities of the labels that may be said. The end of a text has none."""
    device, spoken = device_of(model), model.config.spoken
    targets = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor([BLANK, *labels], device=device) for labels in texts], batch_first=True)
    with threads(1):
        said, _ = model.predictor(targets)
        logits = model.joint(model.joint.heard.bias, model.joint.said(said[:, :-1]))
    logs = logits[..., BLANK + 1:spoken].log_softmax(-1).double()
    chosen = logs.gather(-1, (targets[:, 1:, None] - BLANK - 1).clamp(min=0))[..., 0]
    return [each[:len(labels)].cumsum(0).cpu().numpy()
            for each, labels in zip(chosen, texts, strict=True)]
