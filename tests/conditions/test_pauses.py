"""Pauses between words, and where the words are then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.conditions.pauses import Pauses, borders
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Audio, Heard, Utterance, Word
from evalkit.run.exchange import taken_heard
from evalkit.run.mixtures import export_mixtures
from evalkit.run.runner import run
from evalkit.run.word_times import as_heard
from tests.run.runs import config
from tests.streaming.logs import RATE
from tests.streaming.test_endpointers import PAUSES, paused

pytestmark = pytest.mark.usefixtures("outside")


def spoken(n: int) -> tuple[Audio, Utterance]:
    """``n`` words that stretches of a louder tone are, in faint noise."""
    rng = np.random.default_rng(n)
    words = tuple(Word(f"w{i}", 0.3 * i + 0.05, 0.3 * i + 0.25) for i in range(n))
    wave = 1e-3 * rng.standard_normal(round((0.3 * n + 0.1) * RATE))
    for word in words:
        wave[round(word.start * RATE):round(word.end * RATE)] += 0.3  # type: ignore[operator]
    return Audio(wave.astype(np.float32), RATE), Utterance(f"u{n}", text="x", words=words,
                                                           duration=len(wave) / RATE)


def halting(utterance: Utterance, **options: Any) -> Pauses:
    return Pauses(**{"pauses": 0.5, **options}).bind([utterance])


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 6), chance=st.floats(0, 1), seed=st.integers(0, 9),
       filled=st.sampled_from(["noise", "silence"]), trailing=st.sampled_from([0.0, 0.7]))
def test_what_was_put_in_can_be_taken_out_and_words_are_where_they_sound(
        n: int, chance: float, seed: int, filled: str, trailing: float) -> None:
    speech, utterance = spoken(n)
    condition = halting(utterance, pauses=chance, seed=seed, filled=filled, trailing=trailing)
    made = condition.apply(speech, utterance)
    assert np.array_equal(made.audio.samples,
                          condition.apply(speech, utterance).audio.samples)
    rest, put_in = made.audio.samples, []
    for at, seconds in made.inserted:  # those behind move to where it was as each is taken out
        first, last = round(at * RATE), round((at + seconds) * RATE)
        put_in.append(rest[first:last])
        rest = np.concatenate([rest[:first], rest[last:]])
    assert np.array_equal(rest, speech.samples)
    between = made.inserted[:-1] if trailing else made.inserted
    assert all(0.2 <= seconds <= 0.9 + 1 / RATE for _, seconds in between)
    level = np.sqrt(np.mean(np.square(np.concatenate([*put_in, np.zeros(0)])))) if put_in else 0
    assert level == pytest.approx(1e-3 if filled == "noise" and put_in else 0, rel=0.15)
    row = {"changed": True, "seconds": made.audio.duration, "inserted": [
        {"at": at, "seconds": seconds} for at, seconds in made.inserted]}
    for word in as_heard(utterance, row).words:
        inside = made.audio.samples[round(word.start * RATE) + 1:round(word.end * RATE) - 1]  # type: ignore[operator]
        assert inside.min() > 0.2 and len(inside) == pytest.approx(0.2 * RATE, abs=3)


def test_the_pauses_of_a_smaller_chance_are_among_those_of_a_larger() -> None:
    speech, utterance = spoken(6)
    few, many, all_ = ({pair[0]: pair[1] for pair in halting(
        utterance, pauses=chance).apply(speech, utterance).inserted} for chance in (0.3, 0.7, 1))
    assert few.items() <= many.items() <= all_.items() and len(all_) == 6


def test_where_words_overlap_there_is_no_border() -> None:
    assert borders([Word("a", 0, 0.4), Word("b", 0.3, 0.5), Word("c", 0.7, 0.8), Word("d")]) == (
        pytest.approx(0.6),)


@pytest.mark.parametrize(("options", "line"), [
    ({"pauses": 2}, "pauses must be a share of borders from 0 to 1"),
    ({"pauses": 1, "shortest": 1}, "shortest and longest must be seconds above 0"),
    ({"pauses": 1, "trailing": -1}, "trailing must be from 0 to 60 s"),
    ({"pauses": 1, "filled": "music"}, "filled")])
def test_a_wrong_option_is_one_line(options: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        create("conditions", "pauses", options)


def test_without_times_of_words_there_are_no_pauses() -> None:
    speech, utterance = spoken(2)
    with pytest.raises(ConfigError, match="no utterance has times of its words"):
        Pauses(0.5).bind([Utterance("u")])
    with pytest.raises(UtteranceError, match="NoWordTimes"):
        halting(utterance).apply(speech, Utterance("another"))
    twice = create("conditions", "chain", {"steps": [{"name": "pauses", "pauses": 1}] * 2})
    with pytest.raises(UtteranceError, match="PausedTwice"):
        twice.bind([utterance]).apply(speech, utterance)


def test_pauses_cut_speakers_off_and_are_made_again_to_the_bit(tmp_path: Path) -> None:
    """In a run: who is cut off is who has a pause that exceeds the hang-over; noise on top leaves
    the words where they are, and another speed does not."""
    manifest = paused(tmp_path, [[0.1] * len(gaps) for gaps in PAUSES], trailing=0.1)
    halts = {"pauses": 0.6, "trailing": 1.2, "filled": "silence"}
    folder = run(config(manifest, metrics=["endpoint_delay", "si_sdr"], shard_size=4, conditions=[
        {"name": "halting", **halts}, {"name": "noisy", **halts, "noise": "stationary",
                                       "snr_db": 30},
        {"name": "fast", **halts, "speed": 1.25}],
        pipelines=[{"name": "p", "endpointer": {"name": "energy", "hangover": 0.6}}]),
        tmp_path / "run")
    made = export_mixtures(folder.path, tmp_path / "heard", conditions=["halting", "noisy"])
    recipes = [json.loads(line) for line in made.recipes.read_text().splitlines()]
    assert made.written == 2 * len(PAUSES)
    gaps = {recipe["utterance_id"]: [b[1] - a[2] for a, b in zip(
        recipe["words"], recipe["words"][1:], strict=False)] for recipe in recipes}
    rows = folder.scores()
    of = {name: rows[rows["condition"] == name] for name in ("halting", "noisy", "fast")}
    cut = of["halting"].query("metric == 'early_cut'").set_index("utterance_id")["amount"]
    assert cut.to_dict() == {name: float(max(each, default=0) > 0.6) for name, each in gaps.items()}
    assert 0 < cut.sum() < len(cut)
    assert cut.tolist() == of["noisy"].query("metric == 'early_cut'")["amount"].tolist()
    late = of["halting"].query("metric == 'endpoint_delay'")["amount"]
    assert np.allclose(late, 600, atol=10.1)
    assert of["fast"].query("metric == 'early_cut'")["error"].str.startswith("NoWordTimes").all()
    ratios = of["noisy"].query("metric == 'si_sdr'")["amount"]
    assert ratios.between(20, 35).all()  # of noise alone: the reference halts alike


@pytest.mark.parametrize(("inserted", "error"), [
    ([(0.1, 0.2)], "WrongType: what the condition says that it inserted is a list"),
    (((0.1,),), "WrongType: the condition says that it inserted (0.1,)"),
    (((0.1, float("nan")),), "NotFinite: what the condition says that it inserted is nan"),
    (((0.3, 0.2), (0.1, 0.2)), "BadTime: what the condition says that it inserted is not in"),
    (((0.1, -0.2),), "BadTime: the condition says")])
def test_what_a_condition_says_that_it_put_in_is_looked_at(inserted: Any, error: str) -> None:
    speech, _ = spoken(1)
    with pytest.raises(UtteranceError) as caught:
        taken_heard(Heard(speech, speech, inserted), speech)
    assert str(caught.value).startswith(error)
