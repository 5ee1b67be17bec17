"""Recognizers, encoders and enhancers of SpeechBrain: what they give is what the library gives."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evalkit.core.errors import ConfigError
from evalkit.core.plugins import create
from evalkit.core.types import Audio, Cost
from tests.conftest import tone
from tests.systems import speechbrain_folders as folders
from tests.systems.folders import speechbrain_recognizer, transformers_recognizer

pytestmark = pytest.mark.usefixtures("no_network")


def voices(*seconds: float, rate: int = 16_000) -> list[Audio]:
    rng = np.random.default_rng(0)
    return [Audio((tone(each, pitch=90 + 60 * i)[:round(each * rate)]
                   + 0.05 * rng.standard_normal(round(each * rate))).astype(np.float32), rate)
            for i, each in enumerate(seconds)]


def library(kind: Any, folder: Path, **overrides: str) -> Any:
    from speechbrain.utils.fetching import LocalStrategy

    return kind.from_hparams(source=str(folder), savedir=str(folder), overrides=overrides,
                             local_strategy=LocalStrategy.NO_LINK, run_opts={"device": "cpu"})


def together(batch: list[Audio]) -> tuple[torch.Tensor, torch.Tensor]:
    """As SpeechBrain takes a batch: padded, and lengths relative to the longest."""
    waves = [torch.as_tensor(audio.samples) for audio in batch]
    padded = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
    return padded, torch.tensor([len(wave) / padded.shape[1] for wave in waves])


@pytest.fixture(scope="module")
def seq2seq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders.seq2seq(tmp_path_factory.mktemp("models") / "seq2seq")


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    pytest.importorskip("transformers")
    return folders.whisper(tmp_path_factory.mktemp("models") / "whisper")


def test_a_recognizer_with_attention_says_what_the_library_says(seq2seq: Path) -> None:
    from speechbrain.inference.ASR import EncoderDecoderASR

    theirs = library(EncoderDecoderASR, seq2seq, pretrained_path=str(seq2seq))
    made = create("recognizers", "speechbrain_seq2seq", {"path": seq2seq, "batch": 3})
    batch = voices(0.4, 0.7, 1.0)
    alone = [theirs.transcribe_batch(*together([audio]))[0][0] for audio in batch]
    assert [made.transcribe([audio])[0].text for audio in batch] == alone
    assert [each.text for each in made.transcribe(batch)] == theirs.transcribe_batch(
        *together(batch))[0]
    assert len(set(alone)) > 1 and made.rate == 16_000
    products = 201 * 20 + 3 * 8 * (20 + 8)  # of a filterbank and of a GRU, in each of 101 frames
    assert made.cost == Cost(
        sum(weight.numel() for weight in theirs.mods.parameters()),
        sum(file.stat().st_size for file in seq2seq.iterdir()), 101 * products,
        "of its encoder alone, on 1 s")


def test_whisper_says_what_the_library_says(
        whisper: tuple[Path, Path], capfd: pytest.CaptureFixture[str]) -> None:
    from speechbrain.inference.ASR import WhisperASR

    folder, hub = whisper
    theirs = library(WhisperASR, folder, whisper_hub=str(hub))
    made = create("recognizers", "speechbrain_seq2seq", {
        "path": folder, "hub": hub, "interface": "WhisperASR", "batch": 2})
    batch = voices(0.5, 0.9)
    capfd.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert made.rate == 16_000
    assert capfd.readouterr() == ("", "")
    alone = [" ".join(theirs.transcribe_batch(*together([audio]))[0][0]) for audio in batch]
    assert [made.transcribe([audio])[0].text for audio in batch] == alone
    assert [each.text for each in made.transcribe(batch)] == [
        " ".join(words) for words in theirs.transcribe_batch(*together(batch))[0]]
    long = Audio(np.concatenate([np.tile(batch[0].samples, 60), batch[1].samples]), 16_000)
    assert made.transcribe([long])[0].text == " ".join(
        [made.transcribe([Audio(long.samples[:480_000], 16_000)])[0].text, alone[1]])
    assert all(alone) and len(set(alone)) == 2
    cost, frames = made.cost, 1_500
    window = (3_000 * 201 * 80 + 2 * frames * 16 * 80 * 3 + frames * 16 * 16 * 3
              + (4 + 2) * frames * 16 * 16 + 2 * frames**2 * 16)
    assert cost.macs_per_second == window / 30 and cost.unknown.endswith("alone, on 30 s")
    assert cost.weights == sum(weight.numel() for weight in theirs.mods.parameters())


@pytest.mark.parametrize("yaml", [folders.XVECTOR, folders.RESNET], ids=["x-vector", "ResNet"])
def test_an_encoder_of_any_network_is_the_librarys(yaml: str, tmp_path: Path) -> None:
    from speechbrain.inference.classifiers import EncoderClassifier

    folder = folders.saved(tmp_path / "model", yaml, "embedding_model")
    theirs, batch = library(EncoderClassifier, folder), voices(0.5, 0.8)
    made = create("encoders", "speechbrain", {"path": folder})
    vectors = made.embed(batch)
    for vector, audio in zip(vectors, batch, strict=True):
        torch.manual_seed(0)  # x-vectors are pooled with a little noise
        their = theirs.encode_batch(torch.as_tensor(audio.samples)[None]).flatten().numpy()
        assert np.allclose(vector, their / np.linalg.norm(their), atol=1e-6)
        assert np.array_equal(made.embed([audio])[0], vector)


def spectral() -> tuple[Any, Any]:
    from speechbrain.inference.enhancement import SpectralMaskEnhancement

    return SpectralMaskEnhancement, lambda loaded, x: loaded.enhance_batch(x, torch.ones(1))


def waveform() -> tuple[Any, Any]:
    from speechbrain.inference.enhancement import WaveformEnhancement

    return WaveformEnhancement, lambda loaded, x: loaded.enhance_batch(x)


def separation() -> tuple[Any, Any]:
    from speechbrain.inference.separation import SepformerSeparation

    return SepformerSeparation, lambda loaded, x: loaded.separate_batch(x)[..., 0]


@pytest.mark.parametrize(("yaml", "parts", "theirs", "rate"), [
    (folders.MASK, ("enhance_model",), spectral, 16_000),
    (folders.WAVEFORM, ("enhance_model",), waveform, 16_000),
    (folders.SEPFORMER, ("encoder", "masknet", "decoder"), separation, 8_000)])
def test_an_enhancer_makes_what_the_library_makes(
        yaml: str, parts: tuple[str, ...], theirs: Any, rate: int, tmp_path: Path) -> None:
    folder = folders.saved(tmp_path / "model", yaml, *parts)
    kind, enhance = theirs()
    loaded, batch = library(kind, folder), voices(0.5, 0.3, rate=rate)
    made = create("enhancers", "speechbrain", {"path": folder, "interface": kind.__name__})
    enhanced = made.enhance(batch)
    for mine, speech in zip(enhanced, batch, strict=True):
        with torch.inference_mode():
            their = enhance(loaded, torch.as_tensor(speech.samples)[None])[0].numpy()
        shared = min(len(their), len(speech.samples))
        assert len(mine.samples) == len(speech.samples) <= shared + 256
        assert mine.rate == made.rate == rate and np.abs(their).max() > 1e-4
        np.testing.assert_allclose(mine.samples[:shared], their[:shared], atol=1e-6)
        assert np.array_equal(made.enhance([speech])[0].samples, mine.samples)
    assert made.cost.weights == sum(weight.numel() for weight in loaded.mods.parameters())
    assert made.cost.bytes == sum(file.stat().st_size for file in folder.iterdir())
    assert made.cost.macs_per_second > made.cost.weights


def test_several_voices_are_refused(tmp_path: Path) -> None:
    folder = folders.saved(tmp_path / "two", folders.SEPFORMER.replace(
        "num_spks: 1", "num_spks: 2"), "encoder", "masknet", "decoder")
    made = create("enhancers", "speechbrain", {"path": folder,
                                               "interface": "SepformerSeparation"})
    with pytest.raises(ConfigError, match="separates 2 voices"):
        made.enhance(voices(0.3, rate=8_000))


def test_a_model_of_a_hub_must_be_at_hand(whisper: tuple[Path, Path], seq2seq: Path,
                                          tmp_path: Path) -> None:
    folder, hub = whisper
    with pytest.raises(ConfigError, match=r"its whisper_hub is somebody/whisper-tiniest, which is "
                                          r"no folder; download it.* as `hub`$"):
        create("recognizers", "speechbrain_seq2seq", {"path": folder, "interface": "WhisperASR"})
    with pytest.raises(ConfigError, match="names 0 models of a hub"):
        create("recognizers", "speechbrain_seq2seq", {"path": seq2seq, "hub": hub})
    yaml = folders.SEQ2SEQ.replace("<pretrained_path>/letters", "<elsewhere>/letters")
    lacking = folders.saved(tmp_path / "lacking", "elsewhere: somebody/else\n" + yaml,
                            "encoder", "decoder")
    made = create("recognizers", "speechbrain_seq2seq", {"path": lacking})
    with pytest.raises(ConfigError, match="nothing is downloaded") as caught:
        made.transcribe(voices(0.3))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bits", ["bfloat16", "float16"])
def test_fewer_bits_are_an_option(bits: str, tmp_path: Path) -> None:
    """Also where the processor has none of its own for them: recurrences are refused there."""
    batch = voices(0.4)
    folder = folders.saved(tmp_path / "mask", folders.MASK, "enhance_model")
    whole, half = (create("enhancers", "speechbrain", {"path": folder, "precision": precision})
                   for precision in ("float32", bits))
    difference = np.abs(whole.enhance(batch)[0].samples - half.enhance(batch)[0].samples).max()
    assert 0 < difference < 0.02 and whole.identity != half.identity
    folder = folders.saved(tmp_path / "encoder", folders.RESNET, "embedding_model")
    whole, half = (create("encoders", "speechbrain", {"path": folder, "precision": precision})
                   for precision in ("float32", bits))
    alike = float(whole.embed(batch)[0] @ half.embed(batch)[0])
    assert alike > 0.999 and not np.array_equal(whole.embed(batch), half.embed(batch))
    assert f"in {bits}" in half.identity and "float" not in whole.identity


@pytest.mark.parametrize("make", [speechbrain_recognizer, transformers_recognizer])
def test_a_ctc_model_hears_in_fewer_bits(make: Any, tmp_path: Path) -> None:
    name = make.__name__.removesuffix("_recognizer")
    folder, kinds = make(tmp_path / "model"), []
    for precision in ("float32", "bfloat16"):
        made = create("recognizers", name, {"path": folder, "precision": precision})
        last = [layer for layer in made.module.modules() if isinstance(layer, torch.nn.Linear)][-1]
        last.register_forward_hook(lambda _, __, output: kinds.append(output.dtype))
        assert isinstance(made.transcribe(voices(0.4))[0].text, str)
    assert kinds == [torch.float32, torch.bfloat16]


def test_inputs_follow_the_weights_not_the_default_device(seq2seq: Path, tmp_path: Path) -> None:
    folder = folders.saved(tmp_path / "mask", folders.MASK, "enhance_model")
    torch.jit.save(torch.jit.script(torch.nn.PReLU()), str(tmp_path / "gain.pt"))
    batch = voices(0.4)

    def made() -> list[Any]:
        enhancers = [
            create("enhancers", "speechbrain", {"path": folder}),
            create("enhancers", "torchscript", {"path": tmp_path / "gain.pt", "rate": 16_000})]
        recognizer = create("recognizers", "speechbrain_seq2seq", {"path": seq2seq})
        return [*(enhancer.enhance(batch)[0].samples.tolist() for enhancer in enhancers),
                [enhancer.cost for enhancer in enhancers], recognizer.transcribe(batch)]

    expected = made()
    with torch.device("meta"):
        assert made() == expected
