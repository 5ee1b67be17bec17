"""The weights that ship: which they are, and that they do what they are for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit.audio import align
from evalkit.core.files import digest
from evalkit.core.types import Audio
from evalkit.models import SHIPPED
from evalkit.recordings.reading import load
from evalkit.systems.percepnet import PercepNet
from tests.conftest import tone

RATE = 16_000


def ratio(clean: np.ndarray, made: np.ndarray) -> float:
    """Scale-invariant, in dB."""
    wanted = clean * (clean @ made) / (clean @ clean)
    return float(10 * np.log10(wanted @ wanted / ((made - wanted) @ (made - wanted))))


def enhanced(noisy: Audio) -> np.ndarray:
    made, _ = align(PercepNet().enhance([noisy])[0], noisy, PercepNet.delay)
    return made.samples.astype(float)


def test_the_card_is_of_the_file() -> None:
    card = (SHIPPED / "percepnet.md").read_text(encoding="utf-8")
    assert digest(SHIPPED / "percepnet.onnx") in card
    assert (SHIPPED / "percepnet.onnx").stat().st_size <= 2.5e6
    assert f"({PercepNet().cost.weights:,} weights, " in card


def test_hiss_around_a_voice_is_taken_away_and_silence_stays() -> None:
    voice = tone(3.0, pitch=150.0).astype(float)
    hiss = np.random.default_rng(0).standard_normal(len(voice)) * voice.std()
    noisy = Audio((voice + hiss).astype(np.float32), RATE)
    assert ratio(voice, enhanced(noisy)) > ratio(voice, noisy.samples.astype(float)) + 5
    assert not enhanced(Audio(np.zeros(RATE, np.float32), RATE)).any()


@pytest.mark.real
def test_readers_and_a_kitchen_that_it_never_heard(real_data: Path) -> None:
    from pesq import pesq

    gained = []
    for reader in ("1998", "3080", "1688", "2033"):
        path = min((real_data / "librispeech_test-other" / "test-other" / reader).rglob("*.flac"))
        speech = Audio(load(path).samples[:5 * RATE], RATE)
        kitchen = load(real_data / "noise" / "kitchen.wav").samples[:len(speech.samples)]
        gain = np.std(speech.samples) / np.std(kitchen) / 10 ** (10 / 20)
        noisy = Audio((speech.samples + gain * kitchen).astype(np.float32), RATE)
        gained.append(pesq(RATE, speech.samples, enhanced(noisy), "wb")
                      - pesq(RATE, speech.samples, noisy.samples, "wb"))
    assert np.mean(gained) > 0.15
