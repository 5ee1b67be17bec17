"""The transducer of two speakers: its turns, the price of a late end, and what it starts as."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.core.errors import ConfigError
from evalkit.core.types import Recording, Utterance
from evalkit.models.transducer.config import ENGLISH, TransducerConfig
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.separating import (
    BEGIN,
    END,
    ENDS,
    Separating,
    SeparatingObjective,
    channels_of,
    turns_said,
)

SMALL = {"mels": 8, "channels": 12, "hidden": 10, "embedding": 6, "prediction": 8, "joint": 8}
CONFIG = TransducerConfig(alphabet=ENGLISH + BEGIN + END, **SMALL)


@pytest.fixture
def model() -> Separating:
    torch.manual_seed(0)
    return Separating(CONFIG, separator=8).eval()


def said(text: str, blocks: list[int]) -> list[tuple[int, int]]:
    return list(zip(CONFIG.encode(text), blocks, strict=True))


@pytest.mark.parametrize(("text", "blocks", "turns"), [
    ("<hi><yo>", [0, 1, 2, 9, 10, 11, 12, 20],
     [(0.0, 0.6, "hi"), (0.6, 1.26, "yo")]),
    ("hi>", [3, 4, 6], [(0.18, 0.42, "hi")]),
    ("<hi", [1, 2, 3], [(0.06, 3.0, "hi")]),
    ("<hi<yo>", [1, 2, 3, 8, 9, 10, 11], [(0.06, 0.48, "hi"), (0.48, 0.72, "yo")]),
    ("<>< >", [1, 2, 3, 4, 5], []), ("", [], [])])
def test_marks_part_turns(text: str, blocks: list[int], turns: list[tuple[float, float, str]]
                          ) -> None:
    """Times are those of blocks of 60 ms: a turn ends when the block is heard that says so."""
    found = turns_said(CONFIG, 1, said(text, blocks), 50)
    assert [(round(each.start, 6), round(each.end, 6), each.text) for each in found] == turns
    assert {each.channel for each in found} <= {1}


def test_it_begins_as_the_transducer_it_was_made_of() -> None:
    """With open masks both channels hear what it hears, of the labels that both have."""
    torch.manual_seed(1)
    plain = Transducer(TransducerConfig(**SMALL)).eval()
    model = Separating(CONFIG, separator=8).eval()
    model.begin_as(plain)
    torch.nn.init.constant_(model.masks.bias, 50.0)
    wave = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (1, 16_000))).float()
    with torch.inference_mode():
        heard, _, blocks = model.encoded(wave, torch.tensor([16_000]))
        alone = plain.encoded(wave, torch.tensor([16_000]))
    assert torch.allclose(heard, alone[0].expand(2, -1, -1), atol=1e-5)
    assert blocks.tolist() == [int(alone[2][0])] * 2
    assert torch.equal(model.transducer.joint.output.weight[:plain.config.labels],
                       plain.joint.output.weight)


def batch() -> list[Recording]:
    rng = np.random.default_rng(0)
    return [Recording(Utterance(f"u{i}", metadata={ENDS: "0.5,0.9"}), "<ab>|<c>",
                      rng.normal(0, 0.1, 16_000).astype(np.float32)) for i in range(2)]


def test_a_late_end_costs_what_was_asked_for(model: Separating) -> None:
    free, priced, steep = (SeparatingObjective(late=late)(model, batch())
                           for late in (0.0, 5.0, 50.0))
    assert (free < priced).all() and (priced < steep).all()
    targets, _ = model.targets([r.text for r in batch()])
    heard = torch.zeros(4, 20, 10)
    cost = SeparatingObjective(late=1.0, early=2.0, grace=0.1)._lateness(
        model, batch(), heard, targets)
    assert cost is not None and cost.shape == (4, 20, 4)
    assert cost[0, :, 3].tolist() == pytest.approx(
        [max(t - 0.6, 0) + 2 * max(0.5 - t, 0) for t in np.arange(1, 21) * 0.06], abs=1e-5)
    assert cost[1, :, 2].tolist() == pytest.approx(
        [max(t - 1.0, 0) + 2 * max(0.9 - t, 0) for t in np.arange(1, 21) * 0.06], abs=1e-5)
    assert not cost[:, :, :2].any()


def test_it_learns_two_channels(model: Separating) -> None:
    """A few steps make the texts of both channels likelier, and reach all weights."""
    optimiser = torch.optim.Adam(model.parameters(), 3e-2)
    losses = []
    for _ in range(4):
        loss = SeparatingObjective(late=1.0)(model, batch()).sum()
        optimiser.zero_grad()
        loss.backward()
        assert all(each.grad is not None for each in model.parameters())
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_what_is_saved_is_loaded(model: Separating, tmp_path: Path) -> None:
    model.save(tmp_path / "m.safetensors")
    wave = np.random.default_rng(0).normal(0, 0.1, 8_000).astype(np.float32)
    assert Separating.load(tmp_path / "m.safetensors").turns(wave) == model.turns(wave)
    Transducer(TransducerConfig(**SMALL)).save(tmp_path / "t.safetensors")
    with pytest.raises(ConfigError, match="cannot load the separating transducer"):
        Separating.load(tmp_path / "t.safetensors")


def test_a_text_may_have_one_channel() -> None:
    assert channels_of("<a>|<b>") == ["<a>", "<b>"] and channels_of("<a>") == ["<a>", ""]
