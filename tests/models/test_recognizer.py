"""The network: what comes out for one utterance depends on that utterance alone."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.files import digest
from evalkit.models.ctc.network import (
    BLANK,
    LABELS,
    WEIGHTS,
    BidirectionalGRU,
    CtcRecognizer,
    NetworkConfig,
    encode,
)

SMALL = NetworkConfig(mels=20, channels=16, hidden=12)
LENGTHS = (16_000, 4_801, 30_000, 9_999, 400)
TEXTS = ("hello there", "it's", "turn on the light", "aab", "")


def waves(lengths=LENGTHS) -> list[np.ndarray]:
    """Something between speech and noise: chirps of random pitch, gated at random."""
    rng = np.random.default_rng(7)
    made = []
    for length in lengths:
        time = np.arange(length) / 16_000
        tone = np.sin(2 * np.pi * (rng.uniform(100, 800) + rng.uniform(0, 2000) * time) * time)
        gate = np.repeat(rng.random(length // 800 + 1), 800)[:length]
        made.append((0.3 * gate * tone + 0.01 * rng.standard_normal(length)).astype(np.float32))
    return made


@pytest.fixture
def model() -> CtcRecognizer:
    torch.manual_seed(3)
    return CtcRecognizer(SMALL).eval()


def test_the_loss_of_an_utterance_does_not_depend_on_the_batch(model):
    together = model.loss(waves(), TEXTS)
    alone = torch.cat([model.loss([wave], [text])
                       for wave, text in zip(waves(), TEXTS, strict=True)])
    assert together.shape == (5,)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-4)


def test_gradients_do_not_depend_on_the_padding(model):
    model.loss(waves()[:2], TEXTS[:2])[1].backward()
    padded = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    model.loss(waves()[1:2], TEXTS[1:2])[0].backward()
    alone = [p.grad for p in model.parameters() if p.grad is not None]
    assert len(padded) == len(alone) == len(list(model.parameters()))
    for one, other in zip(padded, alone, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_the_loss_is_the_likelihood_summed_over_alignments():
    """Against every path of a very short utterance, by enumeration."""
    torch.manual_seed(0)
    model = CtcRecognizer(SMALL).eval()
    wave = waves([480])
    with torch.no_grad():
        posteriors, frames = model(torch.from_numpy(wave[0])[None], torch.tensor([480]))
        assert frames.tolist() == [2]
        first, second = posteriors[0].exp()
        a = LABELS.index("a")
        expected = first[a] * second[a] + first[a] * second[BLANK] + first[BLANK] * second[a]
        assert float(model.loss(wave, ["a"])[0]) == pytest.approx(-float(expected.log()), rel=1e-5)


def test_both_directions_agree_with_packed_sequences():
    torch.manual_seed(1)
    ours = BidirectionalGRU(6, 5, 2, 0.0)
    packed = torch.nn.GRU(6, 5, 2, bidirectional=True, batch_first=True)
    weights = packed.state_dict()
    for layer in range(2):
        for direction, suffix in ((ours.rightward, ""), (ours.leftward, "_reverse")):
            for name, value in direction[layer].rnn.state_dict().items():
                weights[name.replace("l0", f"l{layer}") + suffix] = value
    packed.load_state_dict(weights)
    x, frames = torch.randn(3, 9, 6), torch.tensor([9, 4, 1])
    pack = torch.nn.utils.rnn.pack_padded_sequence(x, frames, batch_first=True,
                                                   enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(packed(pack)[0], batch_first=True)
    for row, count in enumerate(frames):
        torch.testing.assert_close(ours(x, frames)[row, :count], expected[row, :count])


def test_hypotheses_do_not_depend_on_how_utterances_are_batched(model):
    everything = waves() * 2
    together = model.transcribe(everything)
    assert together == [model.transcribe([wave])[0] for wave in everything]
    assert together == model.transcribe(everything[::-1])[::-1]
    assert any(together)


def test_threads_are_left_as_they_were(model):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model.transcribe(waves([4000]))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("length", [0, 1, 399])
def test_under_one_window_nothing_is_heard(model, length):
    assert model.transcribe([np.ones(length, np.float32)]) == [""]


def test_silence_is_finite(model):
    posteriors, _ = model(torch.zeros(1, 16_000), torch.tensor([16_000]))
    assert posteriors.isfinite().all()


def test_the_level_of_a_recording_does_not_matter(model):
    posteriors = [model(torch.from_numpy(gain * waves()[0])[None], torch.tensor([16_000]))[0]
                  for gain in (1.0, 0.1)]
    torch.testing.assert_close(*posteriors, rtol=1e-3, atol=1e-3)


def test_training_mode_is_noisy_and_evaluation_mode_is_not(model):
    assert torch.equal(model.loss(waves(), TEXTS), model.loss(waves(), TEXTS))
    model.train()
    assert not torch.equal(model.loss(waves(), TEXTS), model.loss(waves(), TEXTS))


@pytest.mark.parametrize(("text", "kind"), [("route 66", "BadText"), ("Hello", "BadText"),
                                            ("a" * 200, "TooShort")])
def test_a_text_that_cannot_be_learned_is_refused(model, text, kind):
    with pytest.raises(UtteranceError, match=kind):
        model.loss(waves([8000]), [text])


def test_a_double_letter_needs_a_frame_between(model):
    wave = waves([480])
    assert model.loss(wave, ["ab"]).isfinite().all()
    with pytest.raises(UtteranceError, match="needs 3"):
        model.loss(wave, ["aa"])


def test_encoding_is_undone_by_the_labels():
    text = "it's a zebra"
    assert "".join(LABELS[label] for label in encode(text)) == text


def test_what_is_saved_is_loaded(model, tmp_path):
    path = tmp_path / "new" / "model.safetensors"
    model.train().save(path)
    loaded = CtcRecognizer.load(path)
    assert loaded.config == SMALL
    assert not loaded.training
    assert {name: value.tolist() for name, value in loaded.state_dict().items()} == {
        name: value.tolist() for name, value in model.state_dict().items()}
    assert loaded.transcribe(waves()) == model.eval().transcribe(waves())
    assert digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def metadata(**changed: object) -> dict[str, str]:
    described = {"format": "evalkit CTC recognizer 1", "config": SMALL.model_dump(),
                 "labels": LABELS}
    return {"evalkit": json.dumps(described | changed)}


@pytest.mark.parametrize("described", [
    {}, {"evalkit": "["}, {"evalkit": "[]"}, metadata(format="something else"),
    metadata(labels=["a", "b"]), metadata(config={"hidden": 13}),
    metadata(config={"hidden": 100_000}), metadata(config={"hiden": 12}), metadata(config=None),
], ids=lambda d: str(d)[:60])
def test_weights_of_another_kind_are_refused(model, tmp_path, described):
    path = tmp_path / "model.safetensors"
    save_file(model.state_dict(), path, described)
    with pytest.raises(ConfigError) as refused:
        CtcRecognizer.load(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_missing_or_not_safetensors_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"none.safetensors"):
        CtcRecognizer.load(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_bytes(b"\x80\x04not weights")
    with pytest.raises(ConfigError, match=r"text.safetensors"):
        CtcRecognizer.load(tmp_path / "text.safetensors")


def test_shipped_weights_are_small_and_described():
    assert WEIGHTS.stat().st_size < 4_000_000
    card = (WEIGHTS.parent / "card.md").read_text(encoding="utf-8")
    assert digest(WEIGHTS) in card
    assert all(value.isfinite().all() for value in load_file(WEIGHTS).values())
    parameters = sum(p.numel() for p in CtcRecognizer.load(WEIGHTS).parameters())
    assert f"{parameters:,} parameters" in card


def test_hypotheses_are_the_same_in_another_process():
    code = ("from evalkit.models.ctc.network import CtcRecognizer, WEIGHTS\n"
            "from tests.models.test_recognizer import waves\n"
            "print(CtcRecognizer.load(WEIGHTS).transcribe(waves()))")
    outputs = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                              check=True, env={**os.environ, "OMP_NUM_THREADS": threads}).stdout
               for threads in ("1", "2")}
    here = CtcRecognizer.load(WEIGHTS).transcribe(waves())
    assert outputs == {f"{here}\n"}


def test_the_filterbank_is_made_on_the_cpu_and_the_rest_where_it_is_asked_for():
    with torch.device("meta"):
        made = CtcRecognizer(SMALL)
    filters = made.filterbank.compute_fbanks
    assert {tensor.device.type for tensor in (filters.f_central, filters.band,
                                              filters.all_freqs_mat)} == {"cpu"}
    assert {p.device.type for p in made.parameters()} == {"meta"}


def test_inputs_follow_the_weights_not_the_default_device(model):
    """Under a default device that computes nothing, a tensor that is made there would show."""
    expected, heard = model.loss(waves(), TEXTS), model.transcribe(waves())
    with torch.device("meta"):
        assert torch.equal(model.loss(waves(), TEXTS), expected)
        assert model.transcribe(waves()) == heard
        model.train().loss(waves(), TEXTS).sum().backward()
    assert {p.grad.device.type for p in model.parameters()} == {"cpu"}


def test_every_input_goes_where_the_weights_are(model, monkeypatch):
    """torch's meta device refuses tensors of another device as a graphics processor does."""
    model.to("meta")
    # SpeechBrain asks which precision autocast has, which the meta device does not know; CTC
    # has no kernel there.
    monkeypatch.setattr(type(model.filterbank), "forward",
                        type(model.filterbank).forward.__wrapped__)
    given = []
    monkeypatch.setattr(torch.nn.functional, "ctc_loss",
                        lambda *tensors, reduction: given.extend(tensors) or torch.zeros(5))
    model.loss(waves(), TEXTS)
    assert {value.device.type for value in given if isinstance(value, torch.Tensor)} == {"meta"}
    assert len(given) == 5
