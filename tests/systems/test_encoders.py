from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from evalkit.core.errors import UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Audio
from evalkit.systems import resemblyzer
from evalkit.systems.resemblyzer import Resemblyzer
from tests.conftest import tone


def test_resemblyzer_tells_ten_readers_apart(readers: list[list[Audio]]) -> None:
    encoder = create("encoders", "resemblyzer")
    first, second = (encoder.embed([pair[side] for pair in readers]) for side in (0, 1))
    assert first.shape == (10, 256)
    assert np.linalg.norm(first, axis=1) == pytest.approx(1, abs=1e-6)
    assert np.mean((first @ second.T).argmax(1) == np.arange(10)) >= 0.9


def test_resemblyzer_is_used_as_its_users_do(readers: list[list[Audio]]) -> None:
    speech = readers[3][0]
    mine = Resemblyzer().embed([speech])[0]
    from resemblyzer import VoiceEncoder, preprocess_wav
    theirs = VoiceEncoder("cpu", verbose=False).embed_utterance(
        preprocess_wav(speech.samples, source_sr=16_000))
    np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_silence_is_cut_and_spectra_are_made_to_the_bit_as_the_package_does(
        readers: list[list[Audio]]) -> None:
    speech, noise = readers[3][0].samples, np.random.default_rng(0)
    gap = 1e-3 * noise.standard_normal(40_000).astype(np.float32)
    from resemblyzer import audio, preprocess_wav
    for wave in (speech, speech[:12_345], np.concatenate([gap, speech, gap, 0.05 * speech]),
                 3 * speech, gap, speech[:481]):
        ours, theirs = resemblyzer._trimmed(wave), preprocess_wav(wave)
        assert np.array_equal(ours, theirs)
        if len(ours):
            assert np.array_equal(resemblyzer._mel(ours), audio.wav_to_mel_spectrogram(theirs))


def test_an_embedding_does_not_depend_on_its_batch(readers: list[list[Audio]]) -> None:
    batch = [speech for speech, _ in readers[:3]]
    together, backwards = Resemblyzer().embed(batch), Resemblyzer().embed(batch[::-1])
    assert np.array_equal(together, backwards[::-1])


@pytest.mark.parametrize("samples", [
    np.zeros(16_000), np.full(100, 0.1), np.full(500, 0.1),
    1e-3 * np.random.default_rng(0).standard_normal(16_000)],
    ids=["silence", "under a window", "one window", "hiss"])
def test_without_speech_there_is_no_embedding(samples: np.ndarray) -> None:
    with pytest.raises(UtteranceError) as caught:
        Resemblyzer().embed([Audio(samples.astype(np.float32), 16_000)])
    assert caught.value.kind == "NoSpeech"


@pytest.mark.filterwarnings("error:.*encountered in:RuntimeWarning")
@pytest.mark.parametrize("gain", [1e-44, 1e-40, 1e30, 1e38])
def test_samples_that_32_bits_do_not_hold_are_no_speech(gain: float) -> None:
    samples = (gain * tone(0.5)).astype(np.float32)
    with pytest.raises(UtteranceError, match="NoSpeech"):
        Resemblyzer().embed([Audio(samples, 16_000)])


def test_resemblyzer_is_quiet() -> None:
    """In a process of its own: what is printed and warned of on loading is so only once."""
    code = """
import numpy as np
from evalkit.systems import resemblyzer
from evalkit.systems.resemblyzer import Resemblyzer
from evalkit.core.types import Audio
try:
    Resemblyzer().embed([Audio(np.full(16_000, 0.1, np.float32), 16_000)])
except Exception:
    pass
"""
    done = subprocess.run([sys.executable, "-W", "default", "-c", code], capture_output=True,
                          text=True, check=True)
    assert done.stdout == ""
    assert "pkg_resources is deprecated" not in done.stderr


def test_resemblyzer_names_its_weights() -> None:
    assert "sha256:" in Resemblyzer().identity
    assert pickle.loads(pickle.dumps(Resemblyzer())) == Resemblyzer()
