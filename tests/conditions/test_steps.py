"""What is done to speech: codecs, lost packets, levels, bands, and all in turn."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.audio import decibel, measure_lag
from evalkit.conditions.band import BandLimit
from evalkit.conditions.codec import CODINGS, Codec
from evalkit.conditions.level import Clipping, Gain
from evalkit.conditions.noise import Noise
from evalkit.conditions.packet_loss import PacketLoss
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Audio, Utterance
from evalkit.store.manifest import read_manifest
from tests.corpora.test_noise import speech

UTTERANCE = Utterance("u1", speaker="s1")
STEPS = [{"name": "noise", "kind": "stationary", "snr_db": 5}, {"name": "gain", "gain": 12},
         {"name": "clipping", "clipping": 3}, {"name": "band_limit", "band_limit": 3400},
         {"name": "codec", "codec": "opus", "kbps": 16}, {"name": "packet_loss",
                                                          "packet_loss": 0.1}]


def voiced(seconds: float = 1.0, rate: int = 16_000) -> Audio:
    """A gliding hum, which codecs of speech keep the shape of."""
    time = np.arange(round(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * k * (140 * time + 30 * time**2)) / k for k in range(1, 8))
    return Audio((0.1 * wave * (0.6 + 0.4 * np.sin(9 * time))).astype(np.float32), rate)


@pytest.mark.parametrize("codec", CODINGS)
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000])
def test_a_codec_keeps_rate_length_and_time_and_changes_samples(codec: str, rate: int) -> None:
    heard = voiced(rate=rate)
    made = Codec(codec).apply(heard, UTTERANCE)
    assert (made.rate, made.samples.shape, made.samples.dtype) == (rate, heard.samples.shape,
                                                                   np.float32)
    assert abs(measure_lag(made, heard)) <= 1 / 8_000
    error = made.samples.astype(float) - heard.samples
    ratio = decibel(float(np.mean(heard.samples.astype(float)**2))) - decibel(np.mean(error**2))
    assert 3 < ratio < 90
    assert np.array_equal(made.samples, Codec(codec).apply(heard, UTTERANCE).samples)


def test_the_laws_are_those_of_the_recommendation() -> None:
    """G.711: of a full-scale sine both are about 38 dB above their error, from the segments."""
    sine = Audio(np.sin(np.arange(8_000) * 0.7).astype(np.float32), 8_000)
    for law in ("mu_law", "a_law"):
        error = Codec(law).apply(sine, UTTERANCE).samples.astype(float) - sine.samples
        assert 35 < -decibel(2 * float(np.mean(error**2))) < 41
    faint = Audio((1e-3 * sine.samples).astype(np.float32), 8_000)
    ratios = [decibel(float(np.mean(faint.samples.astype(float)**2)))
              - decibel(float(np.mean((Codec(c).apply(faint, UTTERANCE).samples.astype(float)
                                       - faint.samples)**2))) for c in ("mu_law", "pcm")]
    assert ratios[0] < ratios[1]


def test_more_bits_are_nearer() -> None:
    heard = voiced(2.0)
    for codec, rates in (("opus", (8, 24, 96)), ("mp3", (16, 40, 96))):
        errors = [float(np.mean((Codec(codec, kbps).apply(heard, UTTERANCE).samples.astype(float)
                                 - heard.samples)**2)) for kbps in rates]
        assert errors == sorted(errors, reverse=True)


@given(count=st.integers(1, 900), codec=st.sampled_from(list(CODINGS)),
       level=st.sampled_from([0.0, 0.5, 4.0]))
@settings(max_examples=40, deadline=None)
def test_recordings_of_any_length_and_level_keep_their_length(count: int, codec: str,
                                                              level: float) -> None:
    made = Codec(codec).apply(Audio(np.full(count, level, np.float32), 16_000), UTTERANCE)
    assert len(made.samples) == count and np.isfinite(made.samples).all()


@given(share=st.floats(0, 1), more=st.floats(0, 1), seed=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_packets_are_whole_silence_and_a_greater_share_loses_those_too(share: float, more: float,
                                                                       seed: int) -> None:
    heard = Audio(np.ones(16_000, np.float32), 16_000)
    few, many = (PacketLoss(s, seed=seed).apply(heard, UTTERANCE).samples.reshape(-1, 320)
                 for s in sorted((share, more)))
    assert all(set(np.unique(packet)) in ({0.0}, {1.0}) for packet in few)
    assert (many <= few).all()


def test_losses_are_the_share_and_bursts_as_long_as_stated() -> None:
    heard = Audio(np.ones(2_000_000, np.float32), 8_000)
    for burst in (None, 1.5, 4.0):
        lost = PacketLoss(0.1, burst=burst).apply(heard, UTTERANCE).samples[::160] == 0
        starts = np.flatnonzero(np.diff(lost.astype(int), prepend=0) == 1)
        assert lost.mean() == pytest.approx(0.1, abs=0.015)
        assert lost.sum() / len(starts) == pytest.approx(burst or 1 / 0.9, rel=0.1)


def test_a_concealed_packet_is_the_last_one_fading() -> None:
    heard = Audio(np.arange(1, 6401, dtype=np.float32), 16_000)
    silent = PacketLoss(0.5, seed=1).apply(heard, UTTERANCE).samples.reshape(-1, 320)
    made = PacketLoss(0.5, seed=1, concealed=True).apply(heard, UTTERANCE).samples.reshape(-1, 320)
    last, since = np.zeros(320), 0
    for before, packet in zip(silent, made, strict=True):
        last, since = (before, 0) if before.any() else (last, since + 1)
        np.testing.assert_array_equal(packet, (last * 0.5**since).astype(np.float32))


@given(gain=st.floats(-60, 60), level=st.floats(1e-4, 1))
@settings(max_examples=40, deadline=None)
def test_gain_is_decibels_up_to_full_scale(gain: float, level: float) -> None:
    heard = Audio(np.array([level, -level / 3], np.float32), 16_000)
    wanted = np.clip(heard.samples.astype(float) * 10 ** (gain / 20), -1, 1)
    np.testing.assert_allclose(Gain(gain).apply(heard, UTTERANCE).samples, wanted, rtol=1e-6)


@given(clipping=st.floats(0, 40))
@settings(max_examples=15, deadline=None)
def test_clipping_is_below_the_peak_and_leaves_the_rest(clipping: float) -> None:
    heard = speech(0.2)
    made = Clipping(clipping).apply(heard, UTTERANCE).samples
    peak = float(np.abs(heard.samples).max())
    assert float(np.abs(made).max()) == pytest.approx(peak * 10 ** (-clipping / 20), rel=1e-5)
    within = np.abs(heard.samples) < np.abs(made).max()
    assert np.array_equal(made[within], heard.samples[within])


def test_a_band_keeps_what_is_in_it_and_nothing_else() -> None:
    time = np.arange(16_000) / 16_000
    tones = {f: np.sin(2 * np.pi * f * time) for f in (100, 1000, 6000)}
    heard = Audio(sum(tones.values()).astype(np.float32), 16_000)
    made = BandLimit(3400, low=300).apply(heard, UTTERANCE).samples
    np.testing.assert_allclose(made, tones[1000], atol=2e-3)
    np.testing.assert_allclose(BandLimit(9000).apply(heard, UTTERANCE).samples, heard.samples,
                               atol=0.02)


@pytest.mark.parametrize(("name", "options", "said"), [
    ("codec", {"codec": "ogg"}, "no codec 'ogg'; there are pcm"),
    ("codec", {"codec": "gsm", "kbps": 13}, "kbps is an option of opus and mp3"),
    ("codec", {"codec": "opus", "kbps": 300}, "opus takes 6 to 256 kbit/s, not 300"),
    ("codec", {"codec": "opus", "rate": 44_100}, "opus works at 8000, 12000"),
    ("codec", {"codec": "mp3", "kbps": 320, "rate": 16_000}, "mp3 takes 8 to 160 kbit/s"),
    ("packet_loss", {"packet_loss": 5}, "a share from 0 to 1"),
    ("packet_loss", {"packet_loss": 0.9, "burst": 2}, "burst must be at least 9 packets"),
    ("gain", {"gain": math.nan}, "gain must be from"),
    ("clipping", {"clipping": -1}, "from 0, not -1"),
    ("band_limit", {"band_limit": 300, "low": 3400}, "must lie above low"),
    ("chain", {"steps": []}, "a chain needs one step"),
    ("chain", {"steps": [{"name": "gain", "gian": 1}]}, "has no option 'gian'; it takes gain"),
    ("chain", {"steps": ["gian"]}, "no conditions plug-in 'gian'; did you mean 'gain'?"),
    ("gain", {"gain": 3, "codek": "opus"}, "it takes gain; did you mean the condition 'codec'?")])
def test_options_that_there_cannot_be_are_refused(name: str, options: dict[str, Any],
                                                      said: str) -> None:
    with pytest.raises(Exception, match=said.replace("?", r"\?")) as error:
        create("conditions", name, options)
    assert isinstance(error.value, ConfigError) or name == "chain"


def test_a_bit_rate_that_the_recordings_rate_does_not_allow_is_the_utterances_failure() -> None:
    with pytest.raises(UtteranceError, match="NotCoded: mp3 takes 8 to 160 kbit/s at 16,000 Hz"):
        Codec("mp3", 256).apply(voiced(), UTTERANCE)
    assert len(Codec("vorbis").apply(voiced(0.1, 250_000), UTTERANCE).samples) == 25_000


def test_a_chain_is_its_steps_in_turn_in_any_process() -> None:
    chain = create("conditions", "chain", {"steps": STEPS}).bind([UTTERANCE])
    wanted = heard = speech()
    for step in (Noise("stationary", 5), Gain(12), Clipping(3), BandLimit(3400),
                 Codec("opus", 16), PacketLoss(0.1)):
        wanted = step.apply(wanted, UTTERANCE)
    for made in (chain, pickle.loads(pickle.dumps(chain))):
        assert np.array_equal(made.apply(heard, UTTERANCE).samples, wanted.samples)
    assert chain.identity.startswith("noise > gain > clipping > band_limit > codec > packet_loss ")


@given(order=st.permutations(range(len(STEPS))), size=st.integers(1, len(STEPS)))
@settings(max_examples=15, deadline=None)
def test_a_chain_is_named_by_what_it_does_in_its_order(order: list[int], size: int) -> None:
    steps = [STEPS[index] for index in order[:size]]
    same = create("conditions", "chain", {"steps": steps}).identity
    assert same == create("conditions", "chain", {"steps": steps}).identity
    if size > 1:
        assert same != create("conditions", "chain", {"steps": steps[::-1]}).identity


def test_a_chain_binds_its_babble(tiny_corpus: Path) -> None:
    corpus = read_manifest(tiny_corpus).utterances
    steps = [{"name": "noise", "kind": "babble", "snr_db": 5}, {"name": "gain", "gain": 0}]
    chain = create("conditions", "chain", {"steps": steps})
    with pytest.raises(ConfigError, match="bind it"):
        chain.apply(speech(), corpus[0])
    wanted = Noise("babble", 5).bind(corpus).apply(speech(), corpus[0])
    assert np.array_equal(chain.bind(corpus).apply(speech(), corpus[0]).samples, wanted.samples)
