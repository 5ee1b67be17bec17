"""A planned study finds what it was planned for."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.gate_simulation import TRAINED_AGAIN
from benchmarks.plan_simulation import changes_found, found, of_pilot
from evalkit.core.errors import ConfigError
from evalkit.statistics.change_planning import (
    ChangeQuestion,
    spread_of_change,
    study_of_change,
)
from evalkit.statistics.planning import MOST_SPEAKERS, Question, gap_for, study_for, trades
from evalkit.statistics.spread import measured_spread, of_errors
from evalkit.store.manifest import write_manifest
from tests.conftest import evalkit
from tests.worlds import make_run, make_world

ASKED = Question(of_errors(0.1).told(None, 10.0, 0.05), groups=3)


def test_a_planned_study_has_the_power_that_was_planned() -> None:
    study = study_for(0.03, 5, ASKED)
    share = np.mean([*found(study, 0.1, 0.5, range(150), draws=400)])
    assert abs(share - 0.8) < 0.09


def test_the_textbook() -> None:
    """Two groups of one rate each: n = 2 (z + z)^2 variance / gap^2, and a little for t."""
    asked = Question(of_errors(0.1).told(None, 10.0, 0.0), groups=2)
    study = study_for(0.01, 10, asked)
    variance = (0.1 + 0.11) / (10.0 * 10)
    assert study.speakers == pytest.approx((2.2414 + 0.8416)**2 * variance / 0.01**2, rel=0.02)
    assert study.recordings == 2 * 10 * study.speakers


def test_a_gap_and_the_speakers_for_it_are_each_others_answer() -> None:
    study = study_for(0.03, 10, ASKED)
    assert gap_for(study.speakers, 10, ASKED).gap <= 0.03 < gap_for(study.speakers - 1, 10,
                                                                    ASKED).gap
    sizes = [each.speakers for each in trades(0.03, ASKED)]
    assert sizes == sorted(sizes, reverse=True)
    more = Question(ASKED.spread, 3, power=0.9)
    assert study_for(0.03, 10, more).speakers > study.speakers
    alike = Question(of_errors(0.1).told(None, 10.0, 0.0))
    assert [study_for(0.9, utterances, alike).speakers for utterances in (1, 50)] == [30, 5]


@pytest.mark.parametrize(("gap", "message"), [
    (0.0, "a gap of 0"), (-0.2, "a rate of 10 % cannot be lower by 20 points"),
    (math.nan, "no number of points"),
    (1e-6, f"a gap of 0.0001 points takes more than {MOST_SPEAKERS:,} speakers")])
def test_what_no_study_shows_is_said(gap: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        study_for(gap, 10, ASKED)
    with pytest.raises(ConfigError, match="compared with no other"):
        gap_for(4, 100, ASKED)


def planted(groups: int = 2, speakers: int = 400, utterances: int = 8) -> pd.DataFrame:
    """Own rates of 0.1 and 0.2 with standard deviations of 0.03; the conditions of an utterance
    are its halves."""
    rng = np.random.default_rng(5)
    group = np.arange(speakers) % groups
    own = np.clip(rng.normal(0.1 * (group + 1), 0.03), 0.01, None)
    owner = np.repeat(np.arange(speakers), 2 * utterances)
    words = rng.integers(3, 18, len(owner)).astype(float)
    return pd.DataFrame({
        "utterance_id": np.repeat(np.arange(speakers * utterances), 2), "speaker_id": owner,
        "group": group[owner], "amount": rng.poisson(own[owner] * words).astype(float),
        "weight": words, "error": None})


def test_the_spread_of_a_corpus_is_found() -> None:
    spread = measured_spread(planted(speakers=2000), is_count=True)
    assert spread.rate == pytest.approx(0.15, rel=0.03)
    assert math.sqrt(spread.between) == pytest.approx(0.03, rel=0.1)
    assert spread.within == pytest.approx(0.15, rel=0.05)
    assert spread.weight == pytest.approx(2 * 10, rel=0.02)
    apart = measured_spread(planted(speakers=2000).assign(group="all"), is_count=True)
    assert math.sqrt(apart.between) == pytest.approx(math.hypot(0.03, 0.05), rel=0.1)
    with pytest.raises(ConfigError, match="several utterances of a speaker"):
        measured_spread(planted(utterances=1), is_count=True)


def test_the_command_answers(tmp_path_factory: pytest.TempPathFactory) -> None:
    said = evalkit("plan", "--gap", "5", "--rate", "10", "--utterances", "5", "--groups", "3",
                   "--between-speakers", "5")
    study = study_for(0.05, 5, ASKED)
    assert said.returncode == 0 and said.stdout.startswith(
        f"{study.speakers} speakers of each of 3 groups with 5 utterances each "
        f"({study.recordings} utterances) show a gap of 5.00 points, 15.00 % against 10.00 %, "
        "with 80 % power\n"), said.stdout + said.stderr
    run = tmp_path_factory.mktemp("run")
    make_run(run, make_world())
    tree = json.loads(evalkit("plan", "--speakers", "40", "--from", run, "--by", "gender",
                              "--json").stdout)
    assert tree["study"]["speakers"] == 40 and 0.01 < tree["study"]["gap"] < 0.5
    assert tree["source"] == "wer of given, all conditions: 96 speakers"


def test_a_spread_of_nothing_is_not_taken_for_knowledge(tmp_path: Path) -> None:
    """Each speaker errs in one of two utterances: less apart than chance would have them."""
    write_manifest(tmp_path / "m.jsonl", [
        {"id": f"u{n}", "text": "turn on the light", "speaker": f"s{n // 2}"} for n in range(40)])
    write_manifest(tmp_path / "h.jsonl", [
        {"id": f"u{n}", "hypothesis": f"turn {'off' if n % 2 else 'on'} the light"}
        for n in range(40)])
    evalkit("score", "-m", tmp_path / "m.jsonl", "-y", f"asr={tmp_path / 'h.jsonl'}", "-o",
            tmp_path / "run")
    asked = ("plan", "--gap", "5", "--from", tmp_path / "run")
    assert "may be luck" in evalkit(*asked).stdout
    assert "may be luck" not in evalkit(*asked, "--between-speakers", "4").stdout


@pytest.mark.parametrize(("words", "message"), [
    (["--gap", "1e300", "--rate", "10"], "gap: must be at most 1,000,000"),
    (["--gap", "nan", "--rate", "10"], "gap: must be a number, not nan"),
    (["--gap", "2", "--rate", "1e-300"], "give the error rate that is expected"),
    (["--rate", "10"], "give a gap, to be told how many speakers, or speakers"),
    (["--gap", "2"], "give the error rate that is expected"),
    (["--gap", "2", "--from", "absent"], "absent/run.json: cannot be read"),
    (["--gap", "2", "--rate", "10", "--by", "a", "--metric", "wer"], "--by, --metric: of a run"),
    (["--gap", "2", "--rate", "10", "--power", "100"], "--power")])
def test_misuse_is_one_line(words: list[str], message: str) -> None:
    said = evalkit("plan", *words)
    assert said.returncode == 2 and message in said.stderr and said.stderr.count("\n") == 1


def test_a_planned_change_is_found_as_often_as_was_planned() -> None:
    """From the defaults, which are those of the noise, and from what a pilot tells."""
    assumed = spread_of_change(0.15, 0.02, 10.0)
    pilot = of_pilot(np.random.default_rng(1), 0.02, TRAINED_AGAIN, speakers=600)
    assert pilot.of_speaker(10) == pytest.approx(assumed.of_speaker(10), rel=0.25)
    for spread in (assumed, pilot):
        study = study_of_change(0.02, 10, ChangeQuestion(spread))
        share = np.mean([*changes_found(study, TRAINED_AGAIN, range(200), draws=400)])
        assert abs(share - 0.8) < 0.09
    # Another version that knew nothing of the speakers would be compared with ten times as many.
    assert study.speakers < 0.3 * study_for(0.02, 10, Question(of_errors(0.15))).speakers


def test_many_gates_take_more_speakers_and_few_can_show_nothing() -> None:
    asked = ChangeQuestion(spread_of_change(0.1, 0.01))
    many = ChangeQuestion(asked.spread, groups=8)
    assert study_of_change(0.01, 10, many).speakers > study_of_change(0.01, 10, asked).speakers
    huge = [study_of_change(0.89, 100, ChangeQuestion(spread_of_change(0.1, 1e-3), groups=n))
            for n in (1, 8)]
    assert [study.speakers for study in huge] == [6, 9]  # fewer swaps are never rare enough


def test_two_runs_and_a_past_comparison_tell_how_changes_vary(
        tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("versions")
    for name, seed in (("v1", 1), ("v2", 2)):
        make_run(folder / name, make_world(seed=seed))
    evalkit("compare", folder / "v1", folder / "v2", "--by", "gender", "--json",
            folder / "c.json")
    plans = [json.loads(evalkit("plan", "--change", "2", "--json", *words).stdout) for words in (
        ["--from", folder / "v2", "--base", folder / "v1"], ["--from", folder / "c.json"])]
    runs, past = plans
    assert runs["trades"] and not past["trades"]
    assert runs["question"]["spread"]["rate"] == pytest.approx(past["question"]["spread"]["rate"])
    alike = json.loads(evalkit("plan", "--change", "2", "--from", folder / "v2", "--base",
                               folder / "v1", "--json", "--utterances",
                               str(past["study"]["utterances"])).stdout)
    assert alike["study"]["speakers"] == pytest.approx(past["study"]["speakers"], rel=0.25)
    group = evalkit("plan", "--change", "2", "--from", folder / "c.json", "--by", "gender=absent")
    assert group.returncode == 2 and "one change of gender=absent is meant" in group.stderr


@pytest.mark.parametrize(("words", "message"), [
    (["--change", "0", "--rate", "10"], "a change of 0 is shown by no number of speakers"),
    (["--change", "-11", "--rate", "10"], "would make a rate of -1 %"),
    (["--change", "1"], "give the error rate that is expected"),
    (["--change", "1", "--gap", "1", "--rate", "10"], "ask different things"),
    (["--gap", "1", "--rate", "10", "--base", "x"], "--base: of --change"),
    (["--gap", "1", "--rate", "10", "--groups", "1"], "between two groups or more"),
    (["--change", "1", "--from", "absent"], "--base RUN for the older one"),
    (["--change", "1", "--from", "absent", "--base", "none"], "none/run.json: cannot be read"),
    (["--change", "1", "--rate", "10", "--metric", "wer"], "--metric: of a run")])
def test_misuse_of_a_change_is_one_line(words: list[str], message: str) -> None:
    said = evalkit("plan", *words)
    assert said.returncode == 2 and message in said.stderr and said.stderr.count("\n") == 1
