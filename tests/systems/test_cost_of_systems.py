"""What recognizers and encoders say of their networks, beside what is counted by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evalkit.core.plugins import create
from evalkit.core.types import Cost
from evalkit.models.tensors import save_tensors
from evalkit.models.torch_cost import second
from tests.systems import folders

SPECTRUM, SPECTRA = 201, 101
"""Numbers in a spectrum of SpeechBrain's filterbank, and spectra of a second."""


def gru(inputs: int, hidden: int) -> int:
    """Multiply-accumulates of a frame, biases aside."""
    return 3 * hidden * (inputs + hidden)


def lstm(inputs: int, hidden: int) -> int:
    return 4 * hidden * (inputs + hidden)


def attention(frames: int, width: int) -> int:
    return 4 * frames * width**2 + 2 * frames**2 * width


def size(*paths: Path) -> int:
    return sum(path.stat().st_size for path in paths)


def test_the_reference_recognizer_by_hand() -> None:
    made, frames = create("recognizers", "reference"), (SPECTRA - 1) // 3 + 1
    made.transcribe([second(16_000)])
    cost = made.cost
    convolutions = 160 * 64 * 5 + 160 * 160 * 5
    recurrent = 2 * (gru(160, 152) + gru(2 * 152, 152))
    products = convolutions + recurrent + 2 * 152 * 29
    biases = 2 * 3 * 160 + 2 * 2 * 2 * 3 * 152 + 29
    assert cost.weights == products + biases
    assert cost.macs_per_second == SPECTRA * SPECTRUM * 64 + frames * products
    assert cost.unknown == "" and 4 * cost.weights < cost.bytes < 5 * cost.weights
    heard = create("encoders", "pronunciation").cost
    assert (heard.weights, heard.macs_per_second) == (cost.weights, cost.macs_per_second)
    assert heard.bytes > cost.bytes


def test_the_reference_transducer_by_hand() -> None:
    made = create("recognizers", "transducer")
    heard = made.transcribe([second(16_000)])[0].text
    cost = made.cost
    convolution, lower = 160 * 64 * 5, lstm(160, 192)
    encoder = 6 * SPECTRUM * 64 + 2 * (convolution + lower) + lstm(2 * 192, 192) + 192 * 160
    blocks = 17 + 2  # of 60 ms, the silence behind among them
    reading, choosing = lstm(48, 128) + 128 * 160, 160 * 29
    said = len(heard) + 1
    assert cost.macs_per_second == (blocks * (encoder + choosing) + said * reading
                                    + (said - 1) * choosing)
    assert cost.weights == 921_610 and 4 * cost.weights < cost.bytes < 4.1 * cost.weights


def test_a_ctc_recognizer_of_speechbrain_by_hand(tmp_path: Path) -> None:
    folder = folders.speechbrain_recognizer(tmp_path / "model")
    made = create("recognizers", "speechbrain", {"path": folder})
    made.transcribe([second(16_000)])
    cost = made.cost
    products = gru(20, 8) + 8 * 5
    assert cost.weights == products + 2 * 3 * 8 + 5
    assert cost.macs_per_second == SPECTRA * (SPECTRUM * 20 + products)
    assert cost.bytes == size(*folder.iterdir())


def test_a_ctc_recognizer_of_transformers_by_hand(tmp_path: Path) -> None:
    folder = folders.transformers_recognizer(tmp_path / "model")
    made = create("recognizers", "transformers", {"path": folder})
    made.transcribe([second(16_000)])
    cost = made.cost
    convolutions = 1_600 * 8 * 10 + 200 * 8 * 8 * 8 + 201 * 16 * 8 * 4
    projections = 200 * 8 * 16 + 200 * 2 * 16 * 16 + 200 * 16 * 6
    assert cost.macs_per_second == convolutions + projections + attention(200, 16)
    assert cost.weights == made.module.num_parameters()
    assert cost.bytes == size(folder / "model.safetensors")
    save_tensors(tmp_path / "taught.safetensors", made.module.state_dict(), {"more": 99 * "x"})
    taught = create("recognizers", "transformers", {
        "path": folder, "weights": tmp_path / "taught.safetensors"}).cost
    assert taught.weights == cost.weights
    assert taught.bytes == size(tmp_path / "taught.safetensors") != cost.bytes


def test_of_whisper_the_encoder_is_counted_on_its_window(tmp_path: Path) -> None:
    for seconds in (1, 2):
        folder = folders.transformers_whisper(tmp_path / f"{seconds}", seconds)
        made = create("recognizers", "transformers_seq2seq", {"path": folder})
        made.transcribe([second(16_000)])  # a model is loaded when it first hears
        frames = 50 * seconds
        window = (2 * frames * 16 * 80 * 3 + frames * 16 * 16 * 3 + attention(frames, 16)
                  + 2 * frames * 16 * 16)
        assert made.cost == Cost(made.module.num_parameters(), size(folder / "model.safetensors"),
                                 window / seconds, f"of its encoder alone, on {seconds} s")


def test_speaker_encoders_of_torch(tmp_path: Path) -> None:
    folder = folders.transformers_xvector(tmp_path / "xvector")
    made = create("encoders", "transformers", {"path": folder})
    made.embed([second(16_000)])
    assert made.cost.weights == made.module.num_parameters()
    assert made.cost.macs_per_second > attention(200, 16)
    assert made.cost.bytes == size(folder / "model.safetensors")
    folder = folders.speechbrain_encoder(tmp_path / "ecapa")
    made = create("encoders", "speechbrain", {"path": folder})
    theirs = made._interface.mods.embedding_model.parameters()
    assert made.cost.weights == sum(weight.numel() for weight in theirs)
    assert made.cost.macs_per_second > SPECTRA * SPECTRUM * 12
    assert made.cost.bytes == size(*folder.iterdir())


def test_resemblyzer_by_hand() -> None:
    pytest.importorskip("resemblyzer")
    cost = create("encoders", "resemblyzer").cost
    recurrent = 4 * 256 * (40 + 256) + 2 * 4 * 256 * (256 + 256)
    assert cost.weights == recurrent + 3 * 2 * 4 * 256 + 256 * 256 + 256
    stretch = 160 * recurrent + 256 * 256
    assert cost.macs_per_second == pytest.approx(1.3 * stretch, rel=1e-12)


def test_what_nobody_can_count_says_why(tmp_path: Path) -> None:
    made = [create("recognizers", "command", {"run": f"{sys.executable} {{input}}"}),
            create("recognizers", "worker", {"run": sys.executable}),
            create("encoders", "worker", {"run": sys.executable}),
            create("recognizers", "http", {"url": "http://localhost:1/v1", "model": "m"})]
    assert {each.cost.unknown for each in made} == {
        "the program does not say it", "the service does not say it"}
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    cost = create("recognizers", "faster_whisper", {"path": tmp_path}).cost
    assert cost == Cost(bytes=2, unknown="CTranslate2 does not count it")


def test_pocketsphinx_has_no_network() -> None:
    pytest.importorskip("pocketsphinx")
    cost = create("recognizers", "pocketsphinx").cost
    assert cost.bytes > 10_000_000 and cost.weights is None and "no network" in cost.unknown
