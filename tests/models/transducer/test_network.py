"""The transducer's network: it hears no future, the same in pieces as whole, and alone as among
others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.types import Recording, Utterance
from evalkit.models.tensors import padded
from evalkit.models.transducer import whole
from evalkit.models.transducer.encoder import BLOCK
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.loss import transducer_losses
from evalkit.models.transducer.network import TAIL, Transducer
from evalkit.models.transducer.objective import (
    Objective,
    ObjectiveConfig,
    expected_errors,
    stepwise_losses,
)
from evalkit.models.transducer.stream import Blocks, Hearing, heard, hypothesis
from evalkit.models.transducer.whole import encoded, greedy, hypotheses, in_batches

from .tiny import tiny, wave

KINDS = ({}, {"front": "convolutional", "seed": 9},
         {"encoder": "branching", "rank": 3, "seed": 1},
         {"encoder": "amortised", "past": 5, "layers": 1, "heads": 2, "seed": 1})
TEXTS = ("turn it off", "it's", "")


@pytest.fixture(scope="module", params=KINDS,
                ids=["recurrent", "convolutional", "branching", "amortised"])
def model(request) -> Transducer:
    return tiny(**request.param)


@torch.inference_mode()
def in_pieces(model, samples, borders):
    blocks, out = Blocks(model), []
    for piece in np.split(samples, sorted(borders)):
        out += blocks.push(piece)
    return torch.stack([*out, *blocks.finish()])


@settings(max_examples=10, deadline=None)
@given(borders=st.lists(st.integers(0, 5_000), max_size=8), length=st.integers(1, 5_000))
def test_a_stream_hears_the_same_however_it_is_cut(model, borders, length):
    samples = wave(length)
    assert torch.equal(in_pieces(model, samples, [b for b in borders if b < length]),
                       in_pieces(model, samples, []))


def test_a_text_is_the_same_however_the_samples_came(model):
    samples = wave(30_000)
    whole, stream, shown = heard(model, samples), Hearing(model), []
    for piece in np.split(samples, [1, 2, 700, 960, 961, 20_000]):
        shown += stream.push(piece)
    assert stream.finish() == whole
    assert len(whole.words) > 5
    assert all(whole.text.startswith(each.text) for each in shown)
    ends = [word.end for word in whole.words]
    assert ends == sorted(ends)
    assert whole.text == " ".join(word.text for word in whole.words)


def test_what_was_heard_does_not_depend_on_what_comes(model):
    samples, later = wave(12 * BLOCK), wave(12 * BLOCK, seed=1)
    for block in (1, 5, 11):
        other = np.concatenate([samples[:block * BLOCK], later[block * BLOCK:]])
        before, after = in_pieces(model, samples, []), in_pieces(model, other, [])
        assert torch.equal(before[:block], after[:block])
        assert not torch.equal(before[block], after[block])


def test_many_together_are_heard_as_each_by_itself(model):
    waves = [wave(n, seed=n) for n in (9_000, 24_001, 1, 15_000)]
    for alone, together in zip(waves, encoded(model, waves), strict=True):
        torch.testing.assert_close(in_pieces(model, alone, []), together, rtol=1e-4, atol=1e-5)
        assert len(together) == -(-len(alone) // BLOCK) + TAIL
    texts = [hypothesis(model, said) for said in greedy(model, waves)]
    assert texts == [heard(model, each) for each in waves]
    assert sorted(row for rows in in_batches(waves, 3) for row in rows) == [0, 1, 2, 3]


@pytest.mark.parametrize("count", [1, 2, 9])
def test_recordings_heard_together_are_heard_to_the_bit_as_streams_hear_them(count):
    model = tiny(channels=32, hidden=32, prediction=32, joint=32)
    assert model.config.exact_together
    waves = [wave(n, seed=n) for n in np.linspace(70_000, 1, count, dtype=int)]
    alone = [in_pieces(model, each, [700, 5_000]) for each in waves]
    with torch.inference_mode():
        together = torch.cat([*whole._heard(model, *padded(waves, torch.device("cpu")))], 1)
    for mine, row in zip(alone, together, strict=True):
        assert torch.equal(mine, row[:len(mine)])
    texts = hypotheses(model, waves)
    assert texts == [heard(model, each) for each in waves]
    assert len(texts[0].text) > 99


def test_the_loss_of_an_utterance_does_not_depend_on_the_batch(model):
    waves = [wave(n, seed=n) for n in (16_000, 4_801, 30_000)]
    together = model.loss(waves, TEXTS)
    alone = torch.cat([model.loss([w], [t]) for w, t in zip(waves, TEXTS, strict=True)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    scores, nodes = model.posteriors(waves, TEXTS)
    assert nodes.tolist() == [(-(-len(w) // BLOCK) + TAIL) * (len(t) + 1)
                              for w, t in zip(waves, TEXTS, strict=True)]
    torch.testing.assert_close(scores[0].exp().sum(-1), torch.ones(int(nodes[0])))


def test_weights_are_kept_and_others_are_refused(model, tmp_path):
    model.save(tmp_path / "a.safetensors")
    again = Transducer.load(tmp_path / "a.safetensors")
    assert again.config == model.config
    assert heard(again, wave()) == heard(model, wave())
    (tmp_path / "b.safetensors").write_bytes(b"no weights")
    with pytest.raises(ConfigError, match="train transducer"):
        Transducer.load(tmp_path / "b.safetensors")
    with pytest.raises(UtteranceError, match="'ñ'; the recognizer spells with a to z"):
        model.loss([wave()], ["mañana"])


def recordings(texts=TEXTS, seconds=None, **metadata) -> list[Recording]:
    return [Recording(Utterance(str(n), duration=seconds, metadata=metadata), text,
                      wave(16_000, seed=n)) for n, text in enumerate(texts)]


def test_the_objective_is_the_loss_and_that_of_the_steps():
    model, batch = tiny(), recordings()
    waves = [r.wave for r in batch]
    plain = Objective(ObjectiveConfig(stepwise=0.0))(model, batch)
    torch.testing.assert_close(plain, model.loss(waves, TEXTS))
    both = Objective(ObjectiveConfig(stepwise=0.5))(model, batch)
    targets, lengths = model.targets(TEXTS)
    _, steps, blocks = model.encoded(torch.tensor(np.stack(waves)), torch.full((3,), 16_000))
    torch.testing.assert_close(
        both - plain, 0.5 * stepwise_losses(model, steps, blocks, targets, lengths))


def test_the_end_token_costs_what_it_is_early_or_late():
    """By hand: so many nats a second at the node from which the end is said, and at no other."""
    model, batch = tiny(end_token=True), recordings(("on",), seconds=0.5)
    ours = Objective(ObjectiveConfig(stepwise=0.0, early=7.0, late=3.0, grace=0.1))(model, batch)
    targets, lengths = model.targets(["on"])
    found, _, blocks = model.encoded(torch.tensor(batch[0].wave)[None], torch.tensor([16_000]))
    cost = torch.zeros(1, int(blocks), 3)
    for block in range(int(blocks)):
        behind = (block + 1) * BLOCK / RATE - 0.5
        cost[0, block, 2] = max(0.0, 3.0 * (behind - 0.1), -7.0 * behind)
    expected = transducer_losses(model.logits(found, targets), targets, blocks, lengths,
                                 lateness=cost)
    torch.testing.assert_close(ours, expected)
    assert ours > model.loss([batch[0].wave], ["on"])


def test_expected_errors_are_those_of_the_guesses_by_their_share():
    model, batch = tiny(), recordings(("turn on", "off"))
    guesses = [[("turn on", 0), ("turn in", 1)], [("off", 0), ("of", 1), ("it off", 1)]]
    ours = expected_errors(model, batch, guesses, keep=0.5)
    for loss, recording, each in zip(ours, batch, guesses, strict=True):
        nats = model.loss([recording.wave] * len(each), [text for text, _ in each])
        errors = torch.tensor([float(count) for _, count in each])
        by_hand = ((-nats).softmax(0) * (errors - errors.mean())).sum() + 0.5 * model.loss(
            [recording.wave], [recording.text])[0]
        torch.testing.assert_close(loss, by_hand, rtol=1e-4, atol=1e-4)


def test_names_and_distractors_are_listed_while_a_network_learns_to_attend():
    model = tiny(bias=8)
    batch = recordings(("call zoe", "call max"), names='["zoe", "max"]')
    listed = Objective(ObjectiveConfig(stepwise=0.0, unlisted=0.0), ["ann", "bob"])
    with_list = listed(model, batch)
    by_hand = model.listed(["ann", "bob", "max", "zoe"])
    targets, lengths = model.targets([r.text for r in batch])
    found, _, blocks = model.encoded(torch.tensor(np.stack([r.wave for r in batch])),
                                     torch.full((2,), 16_000))
    torch.testing.assert_close(with_list, transducer_losses(
        model.logits(found, targets, by_hand), targets, blocks, lengths))
    without = Objective(ObjectiveConfig(stepwise=0.0, unlisted=1.0), ["ann"])(model, batch)
    torch.testing.assert_close(
        without, model.loss([r.wave for r in batch], [r.text for r in batch]))
    empty = replace(batch[0], utterance=Utterance("1"))
    assert Objective(ObjectiveConfig(stepwise=0.0, unlisted=0.0))(model, [empty]).isfinite().all()


def test_sizes_alone_need_no_random_numbers(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch loads its compiler, most of a second, to draw them on the device "meta"."""
    tiny().save(tmp_path / "a.safetensors")
    drawn = torch.nn.init._no_grad_normal_

    def draw(tensor: torch.Tensor, *values: float, **named: torch.Generator | None) -> torch.Tensor:
        assert not tensor.is_meta
        return drawn(tensor, *values, **named)

    monkeypatch.setattr(torch.nn.init, "_no_grad_normal_", draw)
    Transducer.load(tmp_path / "a.safetensors")
