"""Weights that are no numbers are refused, and not taken for a network that hears nothing."""

import pytest
import torch

from evalkit.core.errors import ConfigError
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.network import Transducer


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path, number):
    model = Transducer(TransducerConfig(hidden=8, channels=8, mels=8))
    with torch.no_grad():
        model.joint.output.weight[0, 0] = number
    model.save(tmp_path / "weights")
    with pytest.raises(ConfigError, match=r"joint\.output\.weight holds numbers"):
        Transducer.load(tmp_path / "weights")
