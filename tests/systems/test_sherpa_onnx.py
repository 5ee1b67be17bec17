"""The recognizer of sherpa-onnx on tiny models that are made here in its formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import ConfigError
from evalkit.core.plugins import create
from evalkit.core.types import Audio
from tests.systems.test_model_files import graph, noises

sherpa = pytest.importorskip("sherpa_onnx")

RATE = 16_000
TOKENS = ["▁", *"abcdef", "<blk>"]


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def ctc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CTC model of NeMo's form: of 80 features, an eighth of the frames."""
    folder = tmp_path_factory.mktemp("ctc")
    for name in ("model.onnx", "model.int8.onnx"):
        graph(folder / name, [
            ("AveragePool", ["audio_signal"], ["pooled"], {"kernel_shape": [8], "strides": [8],
                                                           "ceil_mode": 1}),
            ("Transpose", ["pooled"], ["frames"], {"perm": [0, 2, 1]}),
            ("MatMul", ["frames", "weights"], ["scores"], {}),
            ("LogSoftmax", ["scores"], ["logprobs"], {"axis": -1})],
            {"audio_signal": ["n", 80, "t"], "length": ["n"]}, ["logprobs"],
            weights=random(80, len(TOKENS)) * (1 if name == "model.onnx" else -1),
            metadata={"vocab_size": "7", "subsampling_factor": "8",
                      "normalize_type": "per_feature"})
    tokens = "".join(f"{token} {i}\n" for i, token in enumerate(TOKENS))
    (folder / "tokens.txt").write_text(tokens, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def transducer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of icefall's form, without recurrences: a vector for every fourth frame, and one for the
    last two labels."""
    folder, blank = tmp_path_factory.mktemp("transducer"), ["<blk>", *TOKENS[:-1]]
    graph(folder / "encoder-epoch-1.onnx", [
        ("Slice", ["x", "start", "end", "axis", "step"], ["some"], {}),
        ("MatMul", ["some", "bands"], ["encoder_out"], {}),
        ("Add", ["x_lens", "three"], ["more"], {}),
        ("Div", ["more", "step"], ["encoder_out_lens"], {})],
        {"x": ["n", "t", 80], "x_lens": ["n"]}, ["encoder_out", "encoder_out_lens"],
        bands=random(80, 16) / 10, three=np.array([3]), start=np.array([0]),
        end=np.array([1 << 40]), axis=np.array([1]), step=np.array([4]),
        metadata={"model_type": "zipformer2", "version": "1", "model_author": "k2-fsa"})
    graph(folder / "decoder-epoch-1.onnx", [
        ("Gather", ["labels", "y"], ["both"], {}),
        ("ReduceMean", ["both"], ["decoder_out"], {"axes": [1], "keepdims": 0})],
        {"y": ["n", 2]}, ["decoder_out"], labels=random(len(blank), 16),
        metadata={"vocab_size": str(len(blank)), "context_size": "2"})
    graph(folder / "joiner-epoch-1.onnx", [
        ("Add", ["encoder_out", "decoder_out"], ["sum"], {}),
        ("MatMul", ["sum", "scores"], ["logit"], {})],
        {"encoder_out": ["n", 16], "decoder_out": ["n", 16]}, ["logit"],
        scores=random(16, len(blank)), metadata={"joiner_dim": "16"})
    (folder / "tokens.txt").write_text(
        "".join(f"{token} {i}\n" for i, token in enumerate(blank)), encoding="utf-8")
    return folder


def test_a_transducer_says_what_the_library_says(transducer: Path) -> None:
    batch = noises(8_000, 16_000, 12_345)
    files = [str(transducer / f"{part}-epoch-1.onnx") for part in ("encoder", "decoder", "joiner")]
    cost = create("recognizers", "sherpa_onnx", {"path": transducer}).cost
    assert (cost.weights, cost.macs_per_second) == (80 * 16 + 8 * 16 + 16 * 8, None)
    assert cost.bytes == sum(Path(file).stat().st_size for file in files)
    for beams, search in ((1, "greedy_search"), (3, "modified_beam_search")):
        theirs = sherpa.OfflineRecognizer.from_transducer(
            *files, str(transducer / "tokens.txt"), decoding_method=search, max_active_paths=beams)
        made = create("recognizers", "sherpa_onnx", {"path": transducer, "beams": beams,
                                                     "batch": 3})
        said, together = made.transcribe(batch), heard(theirs, *batch)
        assert [each.text for each in said] == [" ".join(each.text.split()) for each in together]
        assert [made.transcribe([audio])[0].text for audio in batch] == [
            " ".join(heard(theirs, audio)[0].text.split()) for audio in batch]
        assert [each.confidence for each in said] == [
            pytest.approx(np.mean(each.ys_log_probs)) for each in together]
        assert len({each.text for each in said}) == 3 and all(each.text for each in said)


def heard(recognizer: object, *batch: Audio) -> list[object]:
    streams = [recognizer.create_stream() for _ in batch]
    for stream, audio in zip(streams, batch, strict=True):
        stream.accept_waveform(RATE, audio.samples)
    recognizer.decode_streams(streams)
    return [stream.result for stream in streams]


def test_it_says_what_the_library_says(ctc: Path) -> None:
    batch = noises(8_000, 16_000, 12_345)
    theirs = sherpa.OfflineRecognizer.from_nemo_ctc(str(ctc / "model.onnx"),
                                                    str(ctc / "tokens.txt"))
    made = create("recognizers", "sherpa_onnx", {"path": ctc, "kind": "nemo_ctc", "batch": 3})
    assert [each.text for each in made.transcribe(batch)] == [
        " ".join(each.text.split()) for each in heard(theirs, *batch)]
    alone = [made.transcribe([audio])[0] for audio in batch]
    assert [each.text for each in alone] == [
        " ".join(heard(theirs, audio)[0].text.split()) for audio in batch]
    assert len({each.text for each in alone}) == 3
    small = create("recognizers", "sherpa_onnx", {"path": ctc, "kind": "nemo_ctc",
                                                  "quantization": "int8"})
    assert small.transcribe(batch[:1])[0].text != alone[0].text


def test_words_begin_when_their_first_token_does(ctc: Path) -> None:
    batch = noises(16_000, 32_000)
    theirs = sherpa.OfflineRecognizer.from_nemo_ctc(str(ctc / "model.onnx"),
                                                    str(ctc / "tokens.txt"))
    made = create("recognizers", "sherpa_onnx", {"path": ctc, "kind": "nemo_ctc"})
    for hypothesis, their in zip(made.transcribe(batch), heard(theirs, *batch), strict=True):
        assert [word.text for word in hypothesis.words] == hypothesis.text.split()
        starts = dict.fromkeys(word.start for word in hypothesis.words)
        tokens = dict(zip(their.timestamps, their.tokens, strict=True))
        assert [tokens[start] for start in starts] == [word.text[0] for word in hypothesis.words]
        assert len(hypothesis.words) > 1 and all(word.end is None for word in hypothesis.words)


def test_what_is_missing_is_one_line(ctc: Path, tmp_path: Path) -> None:
    for options, why in (
            ({"path": tmp_path / "none"}, "is no folder of a model; download"),
            ({"path": ctc}, r"has no file for the encoder of a transducer \(not quantized\)"),
            ({"path": ctc, "kind": "nemo_ctc", "quantization": "fp16"}, "for the model of a nemo"),
            ({"path": ctc, "kind": "nemo_ctc", "beams": 4}, "beams must be 1"),
            ({"path": ctc, "kind": "nemo_ctc", "language": "de"}, "takes no language"),
            ({"path": ctc, "kind": "tdnn"}, "kind")):
        with pytest.raises(ConfigError, match=why) as caught:
            create("recognizers", "sherpa_onnx", options)
        assert "\n" not in str(caught.value)
    (tmp_path / "model.onnx").write_bytes(b"junk")
    (tmp_path / "tokens.txt").write_text("a 0\n")
    made = create("recognizers", "sherpa_onnx", {"path": tmp_path, "kind": "wenet_ctc"})
    with pytest.raises(ConfigError, match="cannot load a wenet_ctc of sherpa-onnx"):
        made.transcribe(noises(8_000))
