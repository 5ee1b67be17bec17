from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import ConfigError
from evalkit.core.plugins import create
from evalkit.core.types import Audio
from evalkit.recordings.reading import load
from evalkit.systems.pocketsphinx import PocketSphinx, _decoder
from evalkit.systems.reference import Reference


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A tiny network that has learned nothing."""
    import torch

    from evalkit.models.ctc.network import CtcRecognizer, NetworkConfig

    torch.manual_seed(0)
    path = tmp_path / "tiny.safetensors"
    CtcRecognizer(NetworkConfig(mels=20, channels=8, hidden=8)).save(path)
    return path


@pytest.fixture
def sentences(real_data: Path) -> list[tuple[Audio, str]]:
    """The three shortest utterances of LibriSpeech test-other, by different readers."""
    folders = (real_data / "librispeech_test-other" / "test-other").iterdir()
    shortest = [min(folder.rglob("*.flac"), key=lambda path: path.stat().st_size)
                for folder in folders]
    return [(load(path), transcript(path))
            for path in sorted(shortest, key=lambda path: path.stat().st_size)[:3]]


def transcript(path: Path) -> str:
    lines = next(path.parent.glob("*.trans.txt")).read_text().splitlines()
    return next(line for line in lines if line.startswith(path.stem)).partition(" ")[2].lower()


def test_pocketsphinx_hears_words_whatever_came_before(
        sentences: list[tuple[Audio, str]]) -> None:
    recognizer = create("recognizers", "pocketsphinx")
    batch = [speech for speech, _ in sentences]
    forwards = recognizer.transcribe(batch)
    backwards = recognizer.transcribe(batch[::-1])[::-1]
    _decoder.cache_clear()
    alone = recognizer.transcribe(batch[2:])
    assert forwards == backwards
    assert forwards[2:] == alone
    right = [set(hypothesis.text.split()) & set(text.split())
             for hypothesis, (_, text) in zip(forwards, sentences, strict=True)]
    assert sum(map(len, right)) >= sum(len(text.split()) for _, text in sentences) / 3


def test_pocketsphinx_may_follow_fewer_models(sentences: list[tuple[Audio, str]]) -> None:
    few = create("recognizers", "pocketsphinx", {"maxhmmpf": 3000})
    assert few.transcribe([speech for speech, _ in sentences])
    assert few.identity != create("recognizers", "pocketsphinx").identity
    with pytest.raises(ConfigError, match="maxhmmpf must be 1 or more, not 0"):
        create("recognizers", "pocketsphinx", {"maxhmmpf": 0})


@pytest.mark.parametrize("samples", [np.zeros(1), np.zeros(16_000), np.full(16_000, 2.0)],
                         ids=["one sample", "silence", "beyond full scale"])
def test_pocketsphinx_bears_odd_input(samples: np.ndarray, capfd) -> None:
    audio = Audio(samples.astype(np.float32), 16_000)
    assert isinstance(PocketSphinx().transcribe([audio])[0].text, str)
    assert capfd.readouterr() == ("", "")


def test_pocketsphinx_names_its_models() -> None:
    assert "sha256:" in PocketSphinx().identity
    assert pickle.loads(pickle.dumps(PocketSphinx())) == PocketSphinx()


def test_reference_gives_what_the_network_hears(weights: Path, voice: Audio) -> None:
    from evalkit.models.ctc.network import CtcRecognizer

    recognizer = create("recognizers", "reference", {"weights": str(weights)})
    heard = [hypothesis.text for hypothesis in recognizer.transcribe([voice, voice])]
    assert heard == CtcRecognizer.load(weights).transcribe([voice.samples] * 2)
    assert pickle.loads(pickle.dumps(recognizer)) == recognizer


def test_reference_follows_its_weights(weights: Path, tmp_path: Path) -> None:
    before = Reference(weights).identity
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(weights.read_bytes())
    assert Reference(copy).identity == before
    copy.write_bytes(weights.read_bytes() + b"\0")
    assert Reference(copy).identity != before


def test_reference_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.safetensors: no such weights"):
        create("recognizers", "reference", {"weights": str(tmp_path / "none.safetensors")})
