"""Encoders that decide what they compute: nothing else is computed, and decisions are learnt."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from evalkit.core.types import Audio
from evalkit.models.tensors import without_mkldnn
from evalkit.models.torch_cost import cost_of
from evalkit.models.transducer.amortised import WIDER, Attention
from evalkit.models.transducer.branching import SmallBranch
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.decisions import NARROW, Decider, decides, forced
from evalkit.models.transducer.encoder import BLOCK, STEPS
from evalkit.models.transducer.network import TAIL, Transducer
from evalkit.models.transducer.objective import Objective, ObjectiveConfig
from evalkit.models.transducer.stream import Blocks, heard
from evalkit.models.transducer.whole import computed, encoded
from evalkit.systems.transducer import TransducerRecognizer
from evalkit.training.loop import deterministic

from .test_network import in_pieces, recordings
from .tiny import SIZES, tiny, wave

BRANCHING = {"encoder": "branching", "rank": 3, "seed": 1}
AMORTISED = {"encoder": "amortised", "past": 5, "layers": 1, "heads": 2, "seed": 1}
KINDS = pytest.mark.parametrize("options", [BRANCHING, AMORTISED],
                                ids=["branching", "amortised"])


def macs(model: Transducer, samples: np.ndarray) -> float:
    """Of hearing ``samples``, whole blocks, without saying anything."""
    with torch.inference_mode():
        return cost_of(model, lambda: list(Blocks(model).push(samples)), 0).macs_per_second or 0


@KINDS
def test_some_blocks_are_computed_and_others_not(options):
    samples = wave(40_000)
    (found,) = computed(tiny(**options), [samples])
    assert len(found) == -(-len(samples) // BLOCK) + TAIL
    assert 0 < float(found.mean()) < 1
    for share in (0.0, 1.0):
        (fixed,) = computed(tiny(**options, share=share), [samples])
        assert (fixed == share).all()
    (random,) = computed(tiny(**options, share=0.3), [wave(400_000)])
    assert float(random.mean()) == pytest.approx(0.3, abs=0.07)
    with pytest.raises(ValueError, match="a recurrent encoder computes everything"):
        computed(tiny(), [samples])


def test_all_large_is_the_plain_encoder():
    plain, branching = tiny(seed=1), tiny(**BRANCHING, share=1.0)
    tensors = {name.replace("lower.", "lower.large.").replace("upper.", "upper.large."): weight
               for name, weight in plain.state_dict().items()}
    missing, unexpected = branching.load_state_dict(tensors, strict=False)
    assert not unexpected
    assert all(".small." in name or ".decider." in name for name in missing)
    samples = wave(30_000)
    assert heard(branching, samples) == heard(plain, samples)
    torch.testing.assert_close(in_pieces(branching, samples, []), in_pieces(plain, samples, []))
    torch.testing.assert_close(encoded(branching, [samples]), encoded(plain, [samples]))
    with forced(branching, to_compute=False):
        assert heard(branching, samples) != heard(plain, samples)
    assert not decides(branching)


def test_a_small_branch_of_full_rank_resembles_the_large_one():
    torch.manual_seed(0)
    large, x, h = torch.nn.LSTM(5, 4), torch.randn(2, 5), torch.randn(2, 4)
    (weights,) = large.all_weights
    gates = x @ weights[0].t() + h @ weights[1].t() + weights[2] + weights[3]
    distances = []
    for rank in (9, 4, 1):
        small = SmallBranch(5, 4, rank)
        small.resemble(large)
        found = small.gates(small.heard(x) + small.recalled(h))
        distances.append(float((found - gates).detach().abs().max()))
        matrix = small.gates.weight @ torch.cat([small.heard.weight, small.recalled.weight], 1)
        sizes = torch.linalg.svdvals(torch.cat(list(weights[:2]), 1))
        assert float((matrix - torch.cat(list(weights[:2]), 1)).detach().norm()) == pytest.approx(
            float(sizes[rank:].detach().norm()), abs=1e-5)
    assert distances[0] < 1e-5 < distances[1] < distances[2]


def test_attention_is_torchs_of_the_past_that_was_computed():
    torch.manual_seed(0)
    attention, on = Attention(8, 2, past=3).eval(), torch.tensor([[1, 0, 1, 1, 0, 1, 1.0]])
    x = torch.randn(1, 7, 8)
    ours, _ = attention(x, on, attention.begin(1))
    queries, keys, values = (each.unflatten(-1, (2, 4)).transpose(1, 2)
                             for each in attention.inward(x).chunk(3, -1))
    behind = torch.arange(7)[:, None] - torch.arange(7)
    mask = -attention.slopes[:, None, None] * behind
    mask = mask.masked_fill((behind < 0) | (behind > 3) | (on == 0), -torch.inf)
    theirs = attention.outward(torch.nn.functional.scaled_dot_product_attention(
        queries, keys, values, mask).transpose(1, 2).flatten(2))
    torch.testing.assert_close(ours[on > 0], theirs[on > 0])


def test_without_a_computed_block_a_step_is_what_came_in():
    model = tiny(**AMORTISED, share=0.0).encoder
    x = torch.randn(1, 2 * STEPS, SIZES["channels"])
    found = model.behind(x, model.before(1), 0)
    steps = model.lowered(model.inward(x))
    torch.testing.assert_close(found.steps, steps)
    torch.testing.assert_close(found.blocks, model.raised(
        model.together(steps.reshape(1, 2, -1))))


@KINDS
def test_only_what_was_decided_for_is_multiplied(options):
    """By hand: what all decisions add to none; and those of a network by its own share."""
    blocks, c = 10, tiny(**options).config
    samples = wave(blocks * BLOCK)
    none, everything = (macs(tiny(**options, share=share), samples) for share in (0.0, 1.0))
    if c.encoder == "branching":
        widths = [c.channels + c.hidden] * STEPS + [STEPS * c.hidden + c.hidden]
        of_block = sum(4 * c.hidden * width - c.rank * (width + 4 * c.hidden) for width in widths)
        arbitrators = NARROW * (STEPS * c.channels + c.hidden + 1)
        assert everything - none == blocks * of_block
    else:
        steps = {"lower": STEPS * blocks, "upper": blocks}
        of_step = (4 + 2 * WIDER) * c.hidden ** 2
        seen = sum(2 * c.hidden * min(step + 1, c.past + 1)
                   for count in steps.values() for step in range(count))
        arbitrators = 2 * (STEPS + 1) * NARROW * (c.hidden + 1)
        assert everything - none == sum(steps.values()) * of_step + seen
    learned = tiny(**options)
    (found,) = computed(learned, [samples])
    spent = macs(learned, samples) - none - blocks * arbitrators
    if c.encoder == "branching":
        assert spent == float(found[:blocks].sum()) * of_block
    assert 0 < spent < everything - none


@KINDS
def test_torchs_counter_says_the_same_of_fixed_decisions(options):
    samples = wave(10 * BLOCK)
    for share in (0.0, 0.5, 1.0, None):
        model = tiny(**options, share=share)
        with torch.inference_mode(), without_mkldnn(), FlopCounterMode(display=False) as counter:
            list(Blocks(model).push(samples))
        assert counter.get_total_flops() == 2 * macs(model, samples)


@KINDS
def test_the_gradient_reaches_every_arbitrator(options):
    with deterministic(0):
        model = tiny(**options).train()
        objective = Objective(ObjectiveConfig(compute=0.0))
        objective(model, recordings()).sum().backward()
    deciders = [each for each in model.modules() if isinstance(each, Decider)]
    assert len(deciders) == (1 if options is BRANCHING else 4)
    for decider in deciders:
        gradients = [weight.grad for weight in decider.parameters()]
        assert all(each is not None and float(each.abs().sum()) > 0 for each in gradients)


def test_the_gradient_of_a_decision_is_that_of_its_probability():
    torch.manual_seed(0)
    decider, x = Decider(4).train(), torch.randn(1, 500, 4)
    made = decider(x, 0)
    assert set(made.tolist()[0]) == {0.0, 1.0}
    made.sum().backward()
    slope = float(decider.arbitrator[2].bias.grad)
    assert 0.1 * 500 < slope < 0.25 * 500  # that of a logistic function of logistic noise
    probability = torch.sigmoid(decider.arbitrator(x)).mean()
    assert float(made.detach().mean()) == pytest.approx(float(probability.detach()), abs=0.06)


@KINDS
def test_the_cost_in_the_loss_is_of_valid_blocks_and_what_they_compute(options):
    model, batch = tiny(**options), recordings()
    batch[0] = type(batch[0])(batch[0].utterance, batch[0].text, wave(5_000))
    free, dear = (Objective(ObjectiveConfig(compute=nats))(model, batch) for nats in (0.0, 2.0))
    by_hand = torch.stack([each.sum() for each in computed(model, [r.wave for r in batch])])
    torch.testing.assert_close(dear - free, 2.0 * by_hand, rtol=1e-3, atol=1e-3)


def taught(options: dict[str, object], compute: float) -> Transducer:
    """By a few steps of an optimiser."""
    options = {name: each for name, each in options.items() if name != "seed"}
    with deterministic(0):
        model = Transducer(TransducerConfig(**(SIZES | options))).train()
        optimiser = torch.optim.AdamW(model.parameters(), 1e-2)
        objective, batch = Objective(ObjectiveConfig(compute=compute)), recordings()
        for _ in range(20):
            optimiser.zero_grad()
            objective(model, batch).sum().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimiser.step()
    return model.eval()


@KINDS
def test_what_costs_more_is_computed_less_and_always_the_same(options):
    waves = [r.wave for r in recordings()]
    shares = [float(torch.cat(computed(taught(options, nats), waves)).mean())
              for nats in (0.0, 5.0)]
    assert shares[0] > shares[1] + 0.3
    one, other = taught(options, 1.0).state_dict(), taught(options, 1.0).state_dict()
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())


@KINDS
def test_the_recognizer_says_what_it_takes_at_most(options, tmp_path):
    model = tiny(**options)
    with torch.no_grad():
        model.joint.output.bias[0] = 100.0  # it says nothing, which would take something
        for each in model.modules():
            if isinstance(each, Decider):
                each.arbitrator[2].bias.fill_(-100.0)
    model.save(tmp_path / "a.safetensors")
    recognizer = TransducerRecognizer(tmp_path / "a.safetensors")
    cost, silence = recognizer.cost, Audio(np.zeros(16_000, np.float32), 16_000)
    assert cost.unknown.startswith("at most; ") and "on silence" in cost.unknown
    alone = cost_of(recognizer.module, lambda: recognizer.transcribe([silence]), 0)
    assert f"{alone.macs_per_second:,.0f}" in cost.unknown
    assert cost.macs_per_second > alone.macs_per_second
    assert decides(recognizer.module) and recognizer.cost == cost
