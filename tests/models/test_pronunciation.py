"""The pronunciation encoder: what a voice makes of letters, not which letters it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.audio import resample
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.types import Audio
from evalkit.corpora.synthesis import espeak
from evalkit.models import SHIPPED
from evalkit.models.ctc.network import RATE, CtcRecognizer, NetworkConfig
from evalkit.models.pronunciation.encoder import (
    AXES,
    PRONUNCIATION,
    RECOGNIZER,
    PronunciationEncoder,
    fit,
)

TEXTS = ("turn on the light in the kitchen", "play some music in the living room",
         "what is the weather like tomorrow", "set an alarm for seven in the morning")
ACCENTS = ("gmw/en-US", "gmw/en-029", "gmw/en-GB-scotland")
VARIANTS = ("f1", "m3", "Andy", "linda")


def spoken(accent: str, variant: str, text: str) -> np.ndarray:
    voice = espeak.Voice(accent, variant, rate=160, pitch=50, range=50)
    return resample(espeak.speak(text, voice).audio, RATE).samples


@pytest.fixture(scope="module")
def encoder() -> PronunciationEncoder:
    return PronunciationEncoder.load()


def test_accents_are_nearer_than_voices(encoder: PronunciationEncoder) -> None:
    """Of the speakers with other voices, the nearest has the same accent."""
    speakers = [(accent, variant) for accent in ACCENTS for variant in VARIANTS]
    vectors = np.array([np.mean([encoder.embed(spoken(*speaker, text)) for text in TEXTS], axis=0)
                        for speaker in speakers])
    likeness = np.corrcoef(vectors)
    for i, (_, variant) in enumerate(speakers):
        likeness[i, [j for j, other in enumerate(speakers) if other[1] == variant]] = -1
    hits = [speakers[i][0] == speakers[j][0] for i, j in enumerate(likeness.argmax(axis=1))]
    assert np.mean(hits) >= 0.75  # by chance 1 in 3


def test_a_vector_has_unit_length_and_depends_on_its_waveform_alone(
        encoder: PronunciationEncoder) -> None:
    wave = spoken("gmw/en-US", "f1", TEXTS[0])
    vector = encoder.embed(wave)
    assert vector.shape == (26 * AXES,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    encoder.embed(spoken("gmw/en-029", "m3", TEXTS[1]))
    assert np.array_equal(encoder.embed(wave), vector)


@pytest.mark.parametrize("samples", [0, 300, 16_000], ids=["empty", "under a window", "silence"])
def test_without_letters_there_is_no_vector(encoder: PronunciationEncoder, samples: int) -> None:
    with pytest.raises(UtteranceError, match="letter") as caught:
        encoder.embed(np.zeros(samples, np.float32))
    assert caught.value.kind == "NoSpeech"


def test_centres_and_axes_are_the_weighted_moments_of_the_frames(tmp_path: Path) -> None:
    """Against weighted means and a covariance computed frame by frame."""
    torch.manual_seed(0)
    recognizer = CtcRecognizer(NetworkConfig(mels=20, channels=32, hidden=12)).eval()
    waves = [np.random.default_rng(i).standard_normal(16_000).astype(np.float32)
             for i in range(12)]
    found = fit(recognizer, waves)
    states, posteriors = [], []
    with torch.inference_mode():
        for wave in waves:
            x, n = recognizer.convolved(torch.as_tensor(wave)[None], torch.tensor([len(wave)]))
            states.append(x[0].double().numpy())
            posteriors.append(recognizer.posteriors(x, n)[0, :, 3:].exp().double().numpy())
    state, posterior = np.concatenate(states), np.concatenate(posteriors)
    centres = np.array([np.average(state, axis=0, weights=p) for p in posterior.T])
    assert found.centres == pytest.approx(centres, abs=1e-5)
    away = np.concatenate([state - centre for centre in centres])
    within = np.cov(away, rowvar=False, aweights=posterior.T.ravel(), ddof=0)
    assert found.axes.T @ within @ found.axes == pytest.approx(np.eye(AXES), abs=1e-3)

    recognizer.save(tmp_path / RECOGNIZER)
    found.save(tmp_path)
    again = PronunciationEncoder.load(tmp_path)
    assert np.array_equal(again.embed(waves[0]), found.embed(waves[0]))


def test_it_goes_with_one_recognizer_only(tmp_path: Path) -> None:
    (tmp_path / PRONUNCIATION).write_bytes((SHIPPED / PRONUNCIATION).read_bytes())
    CtcRecognizer().save(tmp_path / RECOGNIZER)
    with pytest.raises(ConfigError, match=r"another recognizer\.safetensors"):
        PronunciationEncoder.load(tmp_path)


def test_the_plug_in_gives_the_same(encoder: PronunciationEncoder) -> None:
    from evalkit.core.plugins import create

    wave = spoken("gmw/en-US", "f1", TEXTS[0])
    plugin = create("encoders", "pronunciation")
    assert np.array_equal(plugin.embed([Audio(wave, RATE)])[0], encoder.embed(wave))
    with pytest.raises(ConfigError, match="no such weights"):
        create("encoders", "pronunciation", {"folder": "nowhere"})
