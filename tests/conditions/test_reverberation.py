"""Speech in rooms, through measured impulse responses, and played faster: by their laws."""

from __future__ import annotations

import math
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.audio import measure_lag
from evalkit.conditions.impulse_responses import ImpulseResponses
from evalkit.conditions.level import Gain
from evalkit.conditions.noise import Noise
from evalkit.conditions.reverberation import EARLY
from evalkit.conditions.room import Room, response_of
from evalkit.conditions.speed import Speed
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Audio, Heard, Utterance
from tests.corpora.test_noise import speech

pra = pytest.importorskip("pyroomacoustics")
UTTERANCES = [Utterance(f"u{n}", speaker=f"s{n}") for n in range(6)]
RATE = 16_000


@pytest.mark.parametrize("seconds", [0.2, 0.35, 0.55])
def test_a_room_reverberates_as_long_as_it_is_told(seconds: float) -> None:
    """By pyroomacoustics' own measure of T30, of the response as speech goes through it."""
    for utterance in UTTERANCES[:2]:
        response = response_of(Room(seconds).drawn(utterance), RATE)
        measured = pra.experimental.measure_rt60(response.samples[response.direct:], RATE, 30)
        assert measured == pytest.approx(seconds, rel=0.12)


@pytest.mark.parametrize("rate", [8_000, RATE, 44_100])
def test_the_direct_sound_comes_first_at_its_level_and_in_time(rate: int) -> None:
    for utterance in UTTERANCES[:2]:
        place = Room(0.3, distance=(0.5, 1.0)).drawn(utterance)
        response = response_of(place, rate)
        assert response.samples[response.direct] == 1
        before = response.samples[:response.direct - 1]
        assert float(before @ before) < 0.02
        heard = speech(0.5, rate=rate)
        made = Room(0.3, distance=(0.5, 1.0)).apply(heard, utterance)
        assert isinstance(made, Audio)
        assert (made.rate, made.samples.shape) == (rate, heard.samples.shape)
        assert measure_lag(made, heard) == 0


def test_twice_as_far_the_direct_sound_is_six_decibels_further_below_the_rest() -> None:
    """Reverberation fills a room, the direct sound falls with the square of the distance."""
    ratios = []
    for distance in (0.8, 1.6):
        each = []
        for utterance in UTTERANCES[:4]:
            place = Room(0.4, distance=distance, size=(7, 6, 3)).drawn(utterance)
            assert place.distance == pytest.approx(distance)
            response = response_of(place, RATE)
            late = response.samples[response.direct + round(0.003 * RATE):]
            each.append(-10 * math.log10(float(late @ late)))
        ratios.append(np.mean(each))
    assert ratios[0] - ratios[1] == pytest.approx(20 * math.log10(2), abs=1.5)


def test_a_room_follows_from_the_seed_and_the_utterance_alone() -> None:
    heard, room = speech(0.5), Room((0.2, 0.4), rooms=8)
    made = [room.apply(heard, utterance).samples for utterance in UTTERANCES]
    again = pickle.loads(pickle.dumps(room))
    response_of.cache_clear()
    for utterance, samples in list(zip(UTTERANCES, made, strict=True))[::-1]:
        assert np.array_equal(again.apply(heard, utterance).samples, samples)
    others = [Room((0.2, 0.4), rooms=8, seed=1).apply(heard, u).samples for u in UTTERANCES]
    assert sum(not np.array_equal(*pair) for pair in zip(made, others, strict=True)) >= 5
    places = {room.drawn(Utterance(f"x{n}")) for n in range(60)}
    assert len(places) == 8 and all(0.2 <= place.reverberation <= 0.4 for place in places)
    threads = pra.constants.get("num_threads")
    pra.constants.set("num_threads", 3)
    try:
        response_of.cache_clear()
        assert np.array_equal(room.apply(heard, UTTERANCES[0]).samples, made[0])
        assert pra.constants.get("num_threads") == 3
    finally:
        pra.constants.set("num_threads", threads)


def test_metrics_compare_with_the_early_part_where_they_are_told_to() -> None:
    heard, utterance = speech(0.5), UTTERANCES[0]
    dry, early = (Room(0.5, reference=which).apply(heard, utterance)
                  for which in ("direct", "early"))
    assert isinstance(dry, Audio) and isinstance(early, Heard)
    assert np.array_equal(early.audio.samples, dry.samples)
    response = response_of(Room(0.5).drawn(utterance), RATE)
    last = response.direct + round(EARLY * RATE) + 1
    late = np.convolve(heard.samples.astype(float), response.samples[last:])
    late = np.pad(late, (last - response.direct, 0))[:len(heard.samples)]
    whole = np.convolve(heard.samples.astype(float), response.samples)[response.direct:]
    gain = dry.samples[4_000] / whole[4_000]
    np.testing.assert_allclose(early.reference.samples + gain * late, early.audio.samples,
                               atol=1e-5)
    assert Room(0.5).identity != Room(0.5, reference="early").identity


@given(delay=st.integers(0, 300), level=st.floats(0.01, 1), echo=st.integers(1, 400))
@settings(max_examples=20, deadline=None)
def test_a_measured_response_is_used_from_its_direct_sound_on(
        delay: int, level: float, echo: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    response = np.zeros(1_000, np.float32)
    response[delay], response[delay + echo] = -level, level / 2
    folder = tmp_path_factory.mktemp("responses")
    soundfile.write(folder / "a.wav", response, RATE, subtype="FLOAT")
    heard = Audio((0.3 * speech(0.2).samples).astype(np.float32), RATE)
    made = ImpulseResponses(folder).apply(heard, UTTERANCES[0]).samples
    wanted = heard.samples.astype(float)
    wanted[echo:] -= 0.5 * heard.samples[:-echo]
    np.testing.assert_allclose(made, wanted, atol=1e-6)


def test_a_folder_is_known_by_its_files_and_drawn_from_by_the_utterance(tmp_path: Path) -> None:
    for index in range(4):
        response = np.zeros(200)
        response[0], response[20 * index + 20] = 1, 0.5
        soundfile.write(tmp_path / f"{index}.wav", response, RATE)
    one = ImpulseResponses(tmp_path)
    drawn = [one.drawn(Utterance(f"u{n}")).name for n in range(200)]
    assert {drawn.count(f"{index}.wav") > 30 for index in range(4)} == {True}
    again, other = ImpulseResponses(tmp_path), ImpulseResponses(tmp_path, seed=1)
    assert drawn == [again.drawn(Utterance(f"u{n}")).name for n in range(200)]
    assert drawn != [other.drawn(Utterance(f"u{n}")).name for n in range(200)]
    before = one.identity
    assert before == ImpulseResponses(tmp_path).identity
    soundfile.write(tmp_path / "3.wav", np.ones(10), RATE)
    assert before != ImpulseResponses(tmp_path).identity


@pytest.mark.parametrize("speed", [0.5, 0.9, 1.1, 2.0])
def test_what_is_played_faster_is_shorter_and_higher_and_so_is_what_it_is_compared_with(
        speed: float) -> None:
    time = np.arange(RATE) / RATE
    heard = Audio(np.sin(2 * np.pi * 500 * time).astype(np.float32), RATE)
    made = Speed(speed).apply(heard, UTTERANCES[0])
    assert isinstance(made, Heard) and made.audio.rate == RATE
    assert len(made.audio.samples) == round(RATE / speed)
    wanted = np.sin(2 * np.pi * 500 * speed * np.arange(len(made.audio.samples)) / RATE)
    np.testing.assert_allclose(made.audio.samples[300:-300], wanted[300:-300], atol=2e-3)
    assert np.array_equal(made.reference.samples, made.audio.samples)


def test_in_a_chain_the_reference_goes_through_what_changes_it_and_nothing_else() -> None:
    heard, utterance = speech(0.6), UTTERANCES[1]
    chain = create("conditions", "chain", {"steps": [
        {"name": "noise", "kind": "stationary", "snr_db": 5},
        {"name": "room", "room": 0.3, "reference": "early"}, {"name": "gain", "gain": -6},
        {"name": "speed", "speed": 1.25}]})
    made, room = chain.apply(heard, utterance), Room(0.3, reference="early")
    noisy = Noise("stationary", 5).apply(heard, utterance)
    wanted = Speed(1.25).apply(Gain(-6).apply(room.apply(noisy, utterance).audio, utterance),
                               utterance).audio
    assert np.array_equal(made.audio.samples, wanted.samples)
    clean = Speed(1.25).apply(room.apply(heard, utterance).reference, utterance).reference
    assert np.array_equal(made.reference.samples, clean.samples)
    still = create("conditions", "chain", {"steps": [{"name": "room", "room": 0.3}, "gain"]
                                           [:1]}).apply(heard, utterance)
    assert isinstance(still, Audio)


@pytest.mark.parametrize(("name", "options", "said"), [
    ("room", {"room": 3}, "room must be from 0.1 to 1.2 s, or a list of the least and the most"),
    ("room", {"room": [0.5, 0.2]}, "room must be from"),
    ("room", {"room": math.nan}, "room must be from"),
    ("room", {"room": 0.2, "distance": 0}, "distance must be from 0.1 to 8 m"),
    ("room", {"room": 0.2, "rooms": 0}, "rooms must be from 1"),
    ("room", {"room": 0.1, "size": [8, 8, 4]}, "one of 8 x 8 x 4 m reverberates for 0.16 s or"),
    ("room", {"room": 0.5, "size": [3, 3, 2.5], "distance": 5}, "5 m do not fit into a room of"),
    ("room", {"room": 0.5, "size": [3, 3, 0]}, "size must be length, width and height from 1"),
    ("room", {"room": 0.5, "reference": "late"}, "must be 'direct' or 'early'"),
    ("speed", {"speed": 9}, "speed must be from 0.25 to 4 times, not 9"),
    ("impulse_responses", {"folder": "/nowhere"}, "impulse_responses: no folder /nowhere")])
def test_options_that_there_cannot_be_are_refused(name: str, options: dict[str, Any],
                                                  said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        create("conditions", name, options)


def test_no_room_and_no_response_are_named(tmp_path: Path) -> None:
    with pytest.raises(UtteranceError, match=r"NoRoom: no room of 0\.10 s in which mouth and"):
        Room(0.1, distance=8).apply(speech(0.1), UTTERANCES[0])
    soundfile.write(tmp_path / "silent.wav", np.zeros(10), RATE)
    with pytest.raises(ConfigError, match=r"silent\.wav: is silent; repair or remove it"):
        ImpulseResponses(tmp_path)
