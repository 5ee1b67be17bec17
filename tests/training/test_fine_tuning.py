"""Further training: what it changes, what it keeps, and that it can be interrupted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evalkit.core.config import Plugin
from evalkit.core.plugins import available
from evalkit.mitigation.arms.fine_tuning import FreezeEncoder, FreezeOutput, Plain
from evalkit.mitigation.arms.penalties import Ewc, OnlineEwc
from evalkit.mitigation.arms.protocols import AdaptationData
from evalkit.mitigation.arms.replay import CohortEmbedding, Mixture, Oversample
from evalkit.mitigation.recognition.trials import make_arm
from evalkit.training import loop
from evalkit.training.fine_tuning import Phase, Schedule, fine_tune
from evalkit.training.penalties import KlToStart
from evalkit.training.trainable import parameters
from tests.mitigation.recognition.tones import recordings, tiny, tiny_transducer

SCHEDULE = Schedule(steps=6, batch=2, learning_rate=1e-2, checkpoint_every=2)
TARGETS = [recordings(4, seed=1, shift=1.5), recordings(4, seed=2, shift=2.0)]
GENERAL = recordings(8, seed=3)


def data(folder) -> AdaptationData:
    cohort_of = {r.utterance.id: cohort
                 for cohort, speech in enumerate([GENERAL, *TARGETS]) for r in speech}
    return AdaptationData(TARGETS, GENERAL, GENERAL[:3], cohort_of, folder / "fisher")


def trained(folder, arm=None, strength=0.0, seed=0, schedule=SCHEDULE, model=None):
    """The weights after an arm's phases."""
    model = model or tiny(dropout=0.2)
    torch.manual_seed(seed)
    phases = (arm or Plain()).phases(data(folder), model, strength)
    fine_tune(model, phases, schedule, seed, folder)
    return state(model)


def state(model):
    """Its weights, and what it counts."""
    kept = [*model.module.named_parameters(), *model.module.named_buffers()]
    return {name: tensor.detach().clone() for name, tensor in kept}


def normalised():
    """A model that counts means and variances of batches as it learns."""
    model = tiny(dropout=0.2)
    norm = torch.nn.BatchNorm1d(model.module.config.channels)
    model.module.add_module("norm", norm)
    model.module.convolutions[0].get_submodule("0").register_forward_hook(
        lambda _layer, _inputs, output: norm(output.transpose(1, 2)).transpose(1, 2))
    return model


def distance(one, other) -> float:
    return max(float((one[name] - other[name]).abs().max()) for name in one)


START = state(tiny(dropout=0.2))


def test_the_target_is_learned(tmp_path):
    model = tiny()
    before = model.losses(TARGETS[0]).sum().item()
    trained(tmp_path, schedule=Schedule(steps=30, batch=4, learning_rate=1e-2), model=model)
    model.module.eval()
    assert model.losses(TARGETS[0]).sum().item() < 0.8 * before


def test_no_strength_is_plain_fine_tuning(tmp_path):
    plain = trained(tmp_path / "plain")
    assert distance(plain, START) > 1e-2
    assert distance(trained(tmp_path / "ewc", Ewc(), 0.0), plain) == 0
    assert distance(trained(tmp_path / "l2", make_arm_named("l2"), 0.0), plain) == 0
    assert distance(trained(tmp_path / "other", seed=1), plain) > 1e-3


def test_a_great_strength_stays_at_the_start(tmp_path):
    """Each step of Adam is at most about a learning rate long, whatever the strength, and the
    last ones are short."""
    long = Schedule(steps=40, batch=2, learning_rate=1e-2)
    plain = trained(tmp_path / "plain", schedule=long)
    held = trained(tmp_path / "l2", make_arm_named("l2"), 1e5, schedule=long)
    assert distance(held, START) < 0.3 * distance(plain, START)


def test_divergence_keeps_the_posteriors(tmp_path):
    long = Schedule(steps=20, batch=2, learning_rate=1e-2)
    moved = {}
    for name in ("plain", "kl"):
        model = tiny(dropout=0.2)
        away = KlToStart(model, 1.0)
        trained(tmp_path / name, make_arm_named(name), 10.0, schedule=long, model=model)
        model.module.eval()
        moved[name] = away(TARGETS[0]).item()
    assert moved["kl"] < 0.5 * moved["plain"]


def make_arm_named(name):
    return make_arm(Plugin(name=name))


@pytest.mark.parametrize(("made", "arm", "stop"), [
    *((normalised, arm, stop) for arm in (Plain(), OnlineEwc()) for stop in (1, 2, 3, 5)),
    (tiny_transducer, Plain(), 3), (tiny_transducer, OnlineEwc(), 5)])
def test_what_was_killed_goes_on_from_its_checkpoint(tmp_path, monkeypatch, made, arm, stop):
    whole = trained(tmp_path / "whole", arm, 0.1, model=made())
    assert made is tiny_transducer or whole["norm.num_batches_tracked"] > 0
    steps = 0

    class Killed(Exception):
        pass

    def dying(*arguments):
        nonlocal steps
        if steps == stop:
            raise Killed
        steps += 1
        return original(*arguments)

    original = loop.step
    monkeypatch.setattr(loop, "step", dying)
    with pytest.raises(Killed):
        trained(tmp_path / "killed", arm, 0.1, model=made())
    monkeypatch.undo()
    done = 0

    def counting(*arguments):
        nonlocal done
        done += 1
        return original(*arguments)

    monkeypatch.setattr(loop, "step", counting)
    assert distance(trained(tmp_path / "killed", arm, 0.1, model=made()), whole) == 0
    assert done < 6 or stop < 2
    assert not list((tmp_path / "killed").glob("*.tmp"))


def test_only_one_part_changes_where_the_other_is_frozen(tmp_path):
    output = {name for name in START if name.startswith("output.")}
    encoder = {name for name, _ in tiny().module.named_parameters()} - output
    for arm, changing in ((FreezeEncoder(), output), (FreezeOutput(), encoder)):
        weights = trained(tmp_path / type(arm).__name__, arm)
        moved = {name for name in START if not torch.equal(weights[name], START[name])}
        assert moved == changing


def only_phase(folder, arm, strength) -> Phase:
    (phase,) = arm.phases(data(folder), tiny(), strength)
    return phase


def test_a_mixture_has_the_share_of_general_speech_that_was_asked_for(tmp_path):
    phase = only_phase(tmp_path, Mixture(), 0.25)
    assert phase.probabilities.sum() == pytest.approx(1)
    assert phase.probabilities[8:].sum() == pytest.approx(0.25)
    assert [r.utterance.id for r in phase.recordings[8:]] == [r.utterance.id for r in GENERAL]


def test_oversampling_multiplies_the_probabilities(tmp_path):
    phase = only_phase(tmp_path, Oversample(), 4.0)
    assert phase.probabilities[0] == pytest.approx(4 * phase.probabilities[-1])
    assert phase.probabilities.sum() == pytest.approx(1)


def test_only_what_has_a_chance_is_heard(tmp_path, monkeypatch):
    heard = set()
    model = tiny()
    losses = model.losses
    monkeypatch.setattr(type(model), "losses", lambda self, batch: (
        heard.update(r.utterance.id for r in batch), losses(batch))[1])
    probabilities = np.array([0, 0.5, 0.5, 0])
    fine_tune(model, [Phase(TARGETS[0], probabilities)], SCHEDULE, 0, tmp_path)
    assert heard == {"u1-1", "u1-2"}


def test_online_ewc_goes_from_cohort_to_cohort(tmp_path):
    model, gathered = tiny(), []
    for phase in OnlineEwc(gamma=0.5).phases(data(tmp_path), model, 0.1):
        at = {name: w.detach().clone() for name, w in parameters(model.module).items()}
        assert distance(phase.penalty.centre, at) == 0
        gathered.append((phase.recordings, phase.share, phase.penalty.precision["output.1.w.bias"]))
        fine_tune(model, [phase], SCHEDULE, 0, tmp_path / str(len(gathered)))
    assert [heard for heard, _, _ in gathered] == TARGETS
    assert [share for _, share, _ in gathered] == [0.5, 0.5]
    assert len(list((tmp_path / "fisher").iterdir())) == 2
    assert (gathered[1][2] > 0.5 * gathered[0][2]).all()


def test_a_cohort_input_starts_as_nothing_and_learns(tmp_path):
    plain, model = tiny(), tiny()
    phases = CohortEmbedding().phases(data(tmp_path), model, 0.5)
    batch = [TARGETS[0][0], GENERAL[0]]
    torch.testing.assert_close(model.losses(batch), plain.losses(batch))
    fine_tune(model, phases, SCHEDULE, 0, tmp_path)
    model.module.eval()
    own, _ = model.posteriors([TARGETS[0][0]])
    model.cohort_input.cohort_of = dict.fromkeys(model.cohort_input.cohort_of, 2)
    other, _ = model.posteriors([TARGETS[0][0]])
    assert not torch.allclose(own, other)
    assert model.cohort_input.vectors.weight.shape == (3, 2)
    assert len(model.transcribe(batch)) == 2


def test_every_arm_is_a_plug_in_that_can_be_trained(tmp_path):
    names = set(available("recognition_arms"))
    assert {"plain", "l2", "kl", "mixture", "ewc", "online_ewc", "oversample", "cohort_embedding",
            "freeze_encoder", "freeze_output"} <= names
    for name, made in (("kl", tiny), ("oversample", tiny), ("cohort_embedding", tiny),
                       ("kl", tiny_transducer), ("cohort_embedding", tiny_transducer)):
        arm = make_arm_named(name)
        weights = trained(tmp_path / made.__name__ / name, arm, arm.strengths[0], model=made())
        assert all(bool(torch.isfinite(weight).all()) for weight in weights.values())
