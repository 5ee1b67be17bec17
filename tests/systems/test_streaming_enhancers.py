"""Enhancers that stream: what comes out is late by as much as is stated, is what comes out of the
whole, and knows nothing of what is still to come."""

from __future__ import annotations

import re
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pyrnnoise import rnnoise

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.plugins import available, create
from evalkit.core.protocols import StreamingEnhancer
from evalkit.core.types import Audio
from evalkit.models.percepnet.runtime import Runtime
from evalkit.systems.percepnet import PercepNet
from evalkit.systems.resampled import Resampled
from evalkit.systems.rnnoise import RNNoise
from tests.conftest import tone

DELAYS = {4_000: 184, 8_000: 304, 11_025: 395, 16_000: 480, 22_050: 726, 32_000: 1_024,
          44_100: 1_387, 48_000: 1_440, 96_000: 3_008}
"""Samples by rate: 30 ms, and where there is resampling 64 samples of the lower rate."""
EACH = pytest.mark.parametrize(("name", "rate"), [
    ("percepnet", 8_000), ("percepnet", 16_000), ("percepnet", 22_050), ("percepnet", 44_100),
    ("percepnet", 48_000), ("percepnet", 96_000), ("rnnoise", 48_000)])


def enhancer(name: str, weights: Path) -> StreamingEnhancer:
    options = {"weights": str(weights)} if name == "percepnet" else {}
    made: StreamingEnhancer = create("streaming_enhancers", name, options)
    return made


@pytest.fixture(scope="module")
def open_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that keeps everything and combs nothing."""
    pytest.importorskip("onnx")
    import torch

    from evalkit.models.percepnet.graph import write
    from evalkit.models.percepnet.network import PercepNet as Network
    from evalkit.models.percepnet.network import Sizes

    network = Network(Sizes(dense=1, channels=1, hidden=1, layers=1, strength=1))
    with torch.no_grad():
        network.gain.bias.fill_(40.0)
        network.strength.bias.fill_(-40.0)
    path = tmp_path_factory.mktemp("open") / "open.onnx"
    write(network.eval(), path, {}, integers=False)
    return path


def streamed(system: StreamingEnhancer, signal: np.ndarray, rate: int, size: int) -> np.ndarray:
    """What comes out of pieces of ``size``, from its delay on."""
    stream = system.open(rate)
    made = [stream.push(signal[i:i + size]) for i in range(0, len(signal), size)]
    return np.concatenate([*made, stream.finish()])[stream.delay:]


def test_whoever_streams_is_an_enhancer() -> None:
    assert {"percepnet", "rnnoise"} <= available("streaming_enhancers").keys()
    assert available("streaming_enhancers").keys() <= available("enhancers").keys()


@EACH
@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(0, 3_000), max_size=30), seed=st.integers(0, 5))
def test_streamed_equals_whole_however_it_is_cut(
        name: str, rate: int, cuts: list[int], seed: int, tiny_percepnet: Path) -> None:
    system, signal = enhancer(name, tiny_percepnet), tone(0.3, rate, 100 + 40 * seed, seed)
    (whole,) = system.enhance([Audio(signal, rate)])
    stream, made, heard = system.open(rate), [], 0
    for length in [*cuts, len(signal)]:
        made.append(stream.push(signal[heard:heard + length]))
        heard = min(heard + length, len(signal))
        assert sum(map(len, made)) <= heard, "it ran ahead"
    made.append(stream.finish())
    got = np.concatenate(made)
    assert got.dtype == np.float32 and len(got) == len(signal) + stream.delay
    assert_allclose(got[stream.delay:], whole.samples[round(system.delay * rate):], atol=1e-5)
    assert np.abs(got).max() > 1e-3


@pytest.mark.parametrize(("rate", "delay"), DELAYS.items())
def test_an_impulse_comes_out_as_late_as_is_stated(rate: int, delay: int, open_network: Path
                                                   ) -> None:
    """To the sample: linear in phase, the impulse is alike on both sides of its peak."""
    system, at = PercepNet(open_network, postfilter=False), rate // 7
    signal = np.zeros(rate // 4, np.float32)
    signal[at] = 0.5
    stream = system.open(rate)
    made = np.concatenate([stream.push(signal), stream.finish()])
    assert stream.delay == delay
    assert np.abs(made).argmax() == at + delay
    around = made[at + delay - 40:at + delay + 41]
    assert_allclose(around, around[::-1], atol=2e-5)
    (whole,) = system.enhance([Audio(signal, rate)])
    assert np.abs(whole.samples).argmax() == at + round(0.03 * rate)


@pytest.mark.parametrize("rate", DELAYS)
def test_what_the_network_keeps_comes_out_as_it_was(rate: int, open_network: Path) -> None:
    """Up to where the filters of the resampling begin to fall."""
    time = np.arange(rate // 2) / rate
    fade = np.sin(np.pi * time / time[-1]) ** 2
    low, high = 200, 0.85 * min(rate / 2, 20_000)
    signal = (0.2 * fade * sum(np.sin(2 * np.pi * f * time) for f in (low, high))
              ).astype(np.float32)
    made = streamed(PercepNet(open_network, postfilter=False), signal, rate, rate // 100)
    error = made.astype(float) - signal
    assert 10 * np.log10((signal.astype(float) @ signal) / (error @ error)) > 55


class Wire:
    """A stream that gives what it hears, and keeps it."""

    delay = 0

    def __init__(self) -> None:
        self.heard: list[np.ndarray] = []

    def push(self, samples: np.ndarray) -> np.ndarray:
        self.heard.append(samples)
        return samples

    def finish(self) -> np.ndarray:
        return np.zeros(0, np.float32)


@pytest.mark.parametrize(("rate", "inner", "tone_at", "ghost_at"), [
    (8_000, 16_000, 3_360, 4_640), (22_050, 48_000, 9_200, 12_850),
    (96_000, 48_000, 30_000, 18_000)])
def test_resampling_leaves_no_ghosts(rate: int, inner: int, tone_at: float, ghost_at: float
                                     ) -> None:
    """Neither the image of a tone beyond half the lower rate, nor one that is folded back."""
    wire, time = Wire(), np.arange(rate) / rate
    stream = Resampled(wire, inner, rate)
    stream.push((0.5 * np.sin(2 * np.pi * tone_at * time)).astype(np.float32))
    inside = np.concatenate(wire.heard)[inner // 10:]
    at = np.arange(len(inside)) / inner
    ghost = inside * np.blackman(len(inside)) @ np.exp(-2j * np.pi * ghost_at * at)
    assert 20 * np.log10(np.abs(ghost) / (0.25 * np.blackman(len(inside)).sum())) < -60


@EACH
def test_nothing_later_than_the_delay_changes_what_comes_out(
        name: str, rate: int, tiny_percepnet: Path) -> None:
    system, first = enhancer(name, tiny_percepnet), round(0.2034 * rate)
    signal = tone(0.5, rate)
    changed = signal.copy()
    changed[first:] += 0.1 * np.random.default_rng(1).standard_normal(len(signal) - first)
    one, other = (streamed(system, s.astype(np.float32), rate, rate // 50)
                  for s in (signal, changed))
    same = first - system.open(rate).delay - rate // 100  # and the frame in which it changes
    assert_array_equal(one[:same], other[:same])
    assert np.abs(one[same:first + rate // 100] - other[same:first + rate // 100]).max() > 1e-5


@EACH
def test_streams_know_nothing_of_each_other(name: str, rate: int, tiny_percepnet: Path) -> None:
    system = enhancer(name, tiny_percepnet)
    signals = [tone(0.2, rate, pitch) for pitch in (120, 250)]
    alone = [streamed(system, signal, rate, rate // 50) for signal in signals]
    streams = [system.open(rate) for _ in signals]
    made: list[list[np.ndarray]] = [[], []]
    for i in range(0, len(signals[0]), rate // 50):
        for stream, parts, signal in zip(streams, made, signals, strict=True):
            parts.append(stream.push(signal[i:i + rate // 50]))
    for stream, parts, right in zip(streams, made, alone, strict=True):
        parts.append(stream.finish())
        assert_array_equal(np.concatenate(parts)[stream.delay:], right)


@pytest.mark.parametrize(("name", "rate"), [("percepnet", 16_000), ("percepnet", 44_100),
                                            ("rnnoise", 48_000)])
def test_memory_does_not_grow(name: str, rate: int, tiny_percepnet: Path) -> None:
    """Had every hop left a kilobyte, there would be a megabyte more."""
    stream, piece = enhancer(name, tiny_percepnet).open(rate), tone(0.5, rate)
    kept = []
    tracemalloc.start()
    for count in (4, 20):
        for _ in range(count):
            stream.push(piece)
        kept.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert kept[1] - kept[0] < 20_000


@pytest.mark.parametrize("rate", [3_999, 192_001])
def test_odd_rates_are_refused(rate: int, tiny_percepnet: Path) -> None:
    with pytest.raises(UtteranceError, match="WrongRate: PercepNet hears 4,000 to 192,000 Hz, not"):
        PercepNet(tiny_percepnet).open(rate)


def test_the_content_of_the_weights_decides_the_identity(tiny_percepnet: Path, open_network: Path,
                                                         tmp_path: Path) -> None:
    shutil.copy(tiny_percepnet, tmp_path / "copy.onnx")
    name = PercepNet(tiny_percepnet).identity
    assert PercepNet(tmp_path / "copy.onnx").identity == name
    assert PercepNet(tiny_percepnet).cost.bytes == tiny_percepnet.stat().st_size
    assert len({name, PercepNet(open_network).identity,
                PercepNet(tiny_percepnet, postfilter=False).identity}) == 3


def test_the_postfilter_lowers_what_is_left(tiny_percepnet: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    with_it, without = (
        PercepNet(tiny_percepnet, postfilter).enhance([Audio(noise, 16_000)])[0].samples
        for postfilter in (True, False))
    assert not np.allclose(with_it, without, atol=1e-3)


def test_weights_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.onnx: no such weights; give the option `weights` "
                       "a file that `evalkit train enhancer` wrote$"):
        create("enhancers", "percepnet", {"weights": str(tmp_path / "none.onnx")})


def test_bands_that_nothing_was_learnt_of_neither_speak_nor_are_heard(tiny_percepnet: Path
                                                                      ) -> None:
    """Noise above 8 kHz leaves what is below as it was, and gets the gain of the highest band
    below."""
    from evalkit.models.percepnet.advice import Advice

    runtime = Runtime(tiny_percepnet)
    assert runtime.bandwidth == 8_000
    heard = np.random.default_rng(0).normal(0, 1, (5, 70)).astype(np.float32)
    louder = heard.copy()
    louder[:, 27:34] += 1
    louder[:, 34 + 27:68] += 0.5
    (gains, strengths), (others, _) = (Advice(runtime)(each) for each in (heard, louder))
    assert_array_equal(gains, others)
    assert_array_equal(gains[:, 27:], np.repeat(gains[:, 26:27], 7, axis=1))
    assert not strengths[:, 27:].any() and strengths[:, :27].all()


@pytest.mark.parametrize("bandwidth", ["wide", "0", "nan"])
def test_a_bandwidth_that_is_none_is_refused(bandwidth: str, tiny_percepnet: Path, tmp_path: Path
                                             ) -> None:
    onnx = pytest.importorskip("onnx")
    last = onnx.ModelProto()
    onnx.helper.set_model_props(last, {"bandwidth": bandwidth})
    file = tiny_percepnet.read_bytes() + last.SerializeToString()
    (tmp_path / "other.onnx").write_bytes(file)
    with pytest.raises(ConfigError, match=rf"other\.onnx: its bandwidth is '{bandwidth}', no num"):
        Runtime(tmp_path / "other.onnx")


def test_the_example_of_the_docs_streams() -> None:
    text = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
    (example,) = (block for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
                  if "class Gate" in block)
    names: dict[str, Any] = {}
    exec(example, names)
    gate, signal = names["Gate"](), tone(0.505, 16_000)
    (whole,) = gate.enhance([Audio(signal, 16_000)])
    for size in (1, 77, 160, 9_000):
        assert_array_equal(streamed(gate, signal, 16_000, size), whole.samples)
    assert len(whole.samples) == len(signal)
    assert 0.1 < np.abs(whole.samples / signal).mean() < 1


def test_what_rnnoise_remembers_ends_with_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[object] = []
    ended: list[object] = []
    create = rnnoise.create
    monkeypatch.setattr(rnnoise, "create", lambda: begun.append(create()) or begun[-1])
    monkeypatch.setattr(rnnoise, "destroy", ended.append)
    streams = [RNNoise().open(48_000) for _ in range(2)]
    del streams[0]
    assert len(begun) == 2 and ended == begun[:1]
