"""The streaming recognizer of sherpa-onnx on a tiny model that is made here in NeMo's form."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import ConfigError
from evalkit.core.plugins import create
from evalkit.core.types import Audio, Shown
from tests.systems.test_model_files import graph, noises
from tests.systems.test_sherpa_onnx import RATE, TOKENS, random

sherpa = pytest.importorskip("sherpa_onnx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CTC model that hears 16 frames at a time and remembers the scores of those before."""
    n = len(TOKENS)
    folder = tmp_path_factory.mktemp("streaming")
    graph(folder / "model.onnx", [
        ("AveragePool", ["audio_signal"], ["pooled"], {"kernel_shape": [8], "strides": [8]}),
        ("Transpose", ["pooled"], ["frames"], {"perm": [0, 2, 1]}),
        ("MatMul", ["frames", "weights"], ["new"], {}),
        ("Squeeze", ["cache_last_time", "one"], ["before"], {}),
        ("Sub", ["new", "before"], ["scores"], {}),
        ("LogSoftmax", ["scores"], ["logprobs"], {"axis": -1}),
        ("ReduceMean", ["new"], ["mean"], {"axes": [1], "keepdims": 1}),
        ("Unsqueeze", ["mean", "one"], ["time_next"], {}),
        ("Identity", ["length"], ["encoder_out_lens"], {}),
        ("Identity", ["cache_last_channel"], ["channel_next"], {}),
        ("Identity", ["y"], ["x_lens"], {})],
        {"audio_signal": ["n", 80, "t"], "length": ["n"], "cache_last_channel": ["n", 1, 1, 1],
         "cache_last_time": ["n", 1, 1, n], "y": ["n"]},
        ["logprobs", "encoder_out_lens", "channel_next", "time_next", "x_lens"],
        weights=random(80, n), one=np.array([1]),
        metadata={"window_size": "16", "chunk_shift": "16", "subsampling_factor": "8",
                  "vocab_size": str(n - 1)} | {
            f"cache_last_{name}_dim{i}": str(size) for name, sizes in
            {"channel": (1, 1, 1), "time": (1, 1, n)}.items() for i, size in enumerate(sizes, 1)})
    (folder / "tokens.txt").write_text(
        "".join(f"{token} {i}\n" for i, token in enumerate(TOKENS)), encoding="utf-8")
    return folder


def of_the_library(folder: Path, audio: Audio, piece: int) -> list[str]:
    """What sherpa-onnx shows after every piece, and at the end, as its own examples ask it."""
    theirs = sherpa.OnlineRecognizer.from_nemo_ctc(str(folder / "tokens.txt"),
                                                   str(folder / "model.onnx"))
    stream, shown = theirs.create_stream(), []
    parts = [audio.samples[first:first + piece] for first in range(0, len(audio.samples), piece)]
    for part in [*parts, np.zeros(int(0.66 * RATE), np.float32)]:
        stream.accept_waveform(RATE, part)
        while theirs.is_ready(stream):
            theirs.decode_stream(stream)
        shown.append(theirs.get_result(stream))
    return [" ".join(text.split()) for text in shown]


def test_it_shows_what_the_library_shows(folder: Path) -> None:
    made = create("streaming_recognizers", "sherpa_onnx_streaming",
                  {"path": folder, "kind": "nemo_ctc"})
    [audio] = noises(40_000)
    for piece in (320, 1_600, 40_000):
        theirs = of_the_library(folder, audio, piece)
        stream, shown, now = made.open(RATE), [], Shown("")
        for first in range(0, 40_000, piece):
            now = next(iter(stream.push(audio.samples[first:first + piece])), now)
            shown.append(now.text)
        ended = stream.finish()
        assert [*shown, ended.text] == theirs
        assert now.text and ended.text.startswith(now.text[:-1]) and ended.text != now.text
        assert [word.text for word in ended.words] == ended.text.split()
        starts = [word.start or 0.0 for word in ended.words]
        assert len(starts) > 1 and all(a <= b for a, b in pairwise(starts))
        assert made.transcribe([audio]) == [ended]
    assert len(set(of_the_library(folder, audio, 320))) > 5


def test_streams_know_nothing_of_each_other_and_a_model_that_lacks_is_one_line(folder: Path
                                                                               ) -> None:
    made = create("recognizers", "sherpa_onnx_streaming", {"path": folder, "kind": "nemo_ctc"})
    one, other = noises(20_000, 16_000)
    first, second = made.open(RATE), made.open(RATE)
    first.push(one.samples), second.push(other.samples)
    assert [first.finish(), second.finish()] == made.transcribe([one, other])
    assert "sherpa-onnx" in made.identity and made.cost.weights == 80 * len(TOKENS)
    with pytest.raises(ConfigError, match="has no file for the encoder of a transducer"):
        create("recognizers", "sherpa_onnx_streaming", {"path": folder})
