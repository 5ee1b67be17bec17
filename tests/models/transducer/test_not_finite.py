"""Weights that are no numbers are refused, and not taken for a network that hears nothing."""

import pytest
import torch

from evalkit.core.errors import ConfigError
from evalkit.models.tensors import save_tensors
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.network import FORMAT, Transducer


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path, number):
    model = Transducer(TransducerConfig(hidden=8, channels=8, mels=8))
    with torch.no_grad():
        model.joint.output.weight[0, 0] = number
    model.save(tmp_path / "weights")
    with pytest.raises(ConfigError, match=r"joint\.output\.weight holds numbers"):
        Transducer.load(tmp_path / "weights")


def test_numbers_too_large_for_the_network_are_refused(tmp_path):
    model = Transducer(TransducerConfig(hidden=8, channels=8, mels=8))
    weights = model.state_dict()
    weights["joint.output.bias"] = torch.full_like(weights["joint.output.bias"], 1e300,
                                                   dtype=torch.float64)
    save_tensors(tmp_path / "weights", weights,
                 {"format": FORMAT, "config": model.config.model_dump(mode="json")})
    with pytest.raises(ConfigError, match=r"joint\.output\.bias holds numbers"):
        Transducer.load(tmp_path / "weights")
