"""The whole of discovery: what is there is found, what is not is not confirmed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from evalkit.cohorts.discovery import Settings, discover, discover_among, halves
from evalkit.cohorts.evidence import Floors
from evalkit.cohorts.finders.clusters import Clusters
from evalkit.cohorts.finders.declared import Declared
from evalkit.cohorts.finders.geodemographic import Geodemographic
from evalkit.cohorts.finders.slices import Slices
from evalkit.cohorts.finders.tree import Tree
from evalkit.cohorts.findings import Discovery, describe, write_discovery
from evalkit.core.errors import ConfigError, RunError
from evalkit.statistics.bootstrap import Resampling
from evalkit.store.scores import summarise
from tests.worlds import HARMED, POSTCODES, SUBJECT, World, make_run, make_world

FINDERS = (Tree(), Geodemographic(), Clusters(), Declared(), Slices())
QUICK = Settings(shuffles=20, resampling=Resampling(draws=999))
BLIND = ("tree", "geodemographic", "clusters")
"""Finders that read no declared label."""


@pytest.fixture(scope="module")
def discovery() -> Discovery:
    return discover_among(make_world().people(), SUBJECT, FINDERS, QUICK)


def overlap(discovery: Discovery, finder: str, world: World) -> float:
    """Share of the first confirmed cohort's utterances that are of the harmed city."""
    finding = next(f for f in discovery.findings.finders if f.finder == finder)
    first = next(v.cohort for v in finding.verdicts if v.status == "confirmed")
    members = discovery.members
    ids = members.loc[(members["finder"] == finder) & (members["cohort"] == first), "utterance_id"]
    city = pd.Series(world.city, world.vectors.index)
    return float((city[world.rows.set_index("utterance_id")["speaker_id"][ids]] == HARMED).mean())


@pytest.mark.parametrize("finder", BLIND)
def test_a_harmed_city_is_confirmed_without_its_label(discovery: Discovery, finder: str) -> None:
    assert overlap(discovery, finder, make_world()) >= 0.75
    finding = next(f for f in discovery.findings.finders if f.finder == finder)
    first = finding.verdicts[0]
    assert first.gap is not None
    assert first.gap.low < 0.3 < first.gap.high  # three times 15 %
    assert first.p_adjusted >= first.p_value
    assert finding.chance.gap == first.discovered_gap > finding.chance.high
    assert finding.chance.p_value == pytest.approx(1 / 21)


def outcome(world: World, amount: np.ndarray) -> Discovery:
    people = world._replace(rows=world.rows.assign(amount=amount)).people()
    return discover_among(people, SUBJECT, FINDERS, QUICK)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_constant_outcome_is_said(share: float) -> None:
    world = make_world()
    findings = outcome(world, share * world.rows["weight"].to_numpy()).findings
    lines = [str(item) for item in findings.left_out]
    for where in ("discovery", "confirmation"):
        assert (f"{where}: 5 finders left out: wer of every utterance is {100 * share:.2f}\u00a0%: "
                "nobody is worse than anybody "
                "(tree, geodemographic, clusters, declared, slices)") in lines
    assert {finding.status for finding in findings.finders} == {"nothing found"}


def test_an_outcome_that_is_constant_on_one_half_is_said() -> None:
    world = make_world()
    discovered = halves(96, 0)[pd.factorize(world.rows["speaker_id"], sort=True)[0]]
    harmed = (world.city == HARMED)[pd.factorize(world.rows["speaker_id"], sort=True)[0]]
    findings = outcome(world, (discovered & harmed).astype(float)).findings
    assert [item.where for item in findings.left_out if item.what == "finder"] == ["confirmation"]
    tested = [verdict for finding in findings.finders for verdict in finding.verdicts
              if verdict.gap is not None]
    assert {verdict.p_value for verdict in tested} == {1.0}


def test_a_cohort_that_is_always_wrong_is_confirmed() -> None:
    world = make_world()
    harmed = (world.city == HARMED)[pd.factorize(world.rows["speaker_id"], sort=True)[0]]
    made = outcome(world, world.rows["weight"].to_numpy() * harmed)
    for finder in BLIND:
        assert overlap(made, finder, world) == 1
    assert not any(item.what == "finder" for item in made.findings.left_out)


def test_no_effect_is_seldom_confirmed() -> None:
    """The promise is 5 %; that of 50 such runs 8 or more break it has a probability of 0.4 %.
    The benchmark of planted cohorts looks at a thousand runs."""
    settings = Settings(shuffles=0, resampling=Resampling(draws=199))
    confirmed = 0
    for seed in range(50):
        people = make_world(seed, speakers=48, utterances=3, factor=1).people()
        found = discover_among(people, SUBJECT, FINDERS, replace(
            settings, resampling=replace(settings.resampling, seed=seed)))
        confirmed += any(finding.status == "confirmed" for finding in found.findings.finders)
    assert confirmed < 8


def test_a_gap_shrinks_on_fresh_speakers() -> None:
    """Where nothing is there, the worst region looks bad where it was found only."""
    gaps = []
    for seed in range(12):
        people = make_world(seed, factor=1).people()
        tree = Tree(alpha=1.0, floors=Floors(6, 0, 0))
        findings = discover_among(people, SUBJECT, [tree], replace(QUICK, shuffles=0)).findings
        extremes = findings.finders[0].extremes
        assert extremes is not None
        gaps.append((extremes.discovered_gap, extremes.confirmed_gap))
    discovered, confirmed = np.mean(gaps, axis=0)
    assert discovered > 0.1
    assert abs(confirmed) < 0.4 * discovered


def test_halves_do_not_depend_on_errors() -> None:
    mask = halves(101, 3)
    assert mask.sum() == 51
    assert np.array_equal(mask, halves(101, 3))
    assert not np.array_equal(mask, halves(101, 4))


def test_the_same_seed_gives_the_same_bytes(discovery: Discovery) -> None:
    again = discover_among(make_world().people(), SUBJECT, FINDERS, QUICK)
    assert discovery.findings.to_json() == again.findings.to_json()
    assert discovery.members.equals(again.members)
    assert discovery.speakers.equals(again.speakers)


def test_order_of_the_rows_does_not_matter(discovery: Discovery) -> None:
    world = make_world()
    mixed = world._replace(rows=world.rows.sample(frac=1, random_state=1),
                           utterances=world.utterances.sample(frac=1, random_state=2))
    again = discover_among(mixed.people(), SUBJECT, FINDERS[:4], QUICK)
    before = discover_among(world.people(), SUBJECT, FINDERS[:4], QUICK)
    assert [f.status for f in again.findings.finders] == [f.status for f in before.findings.finders]
    assert [f.chance.gap for f in again.findings.finders] == pytest.approx(
        [f.chance.gap for f in before.findings.finders])


def test_a_metric_of_which_more_is_better() -> None:
    """The same harm as lower scores: gaps are as positive, values are the metric's own."""
    usual = discover_among(make_world().people(), SUBJECT, [Tree()], QUICK).findings.finders[0]
    people = make_world(sign=-1).people(higher_is_better=True)
    turned = discover_among(people, SUBJECT, [Tree()], QUICK).findings.finders[0]
    assert turned.verdicts[0].gap is not None
    assert turned.verdicts[0].gap.value == usual.verdicts[0].gap.value
    assert [c.discovery.value.value for c in turned.cohorts] == pytest.approx(
        [-c.discovery.value.value for c in usual.cohorts])


def test_every_value_is_that_of_the_scores_table(discovery: Discovery) -> None:
    world = make_world()
    half = discovery.speakers.set_index("speaker_id")["half"]
    finding = next(f for f in discovery.findings.finders if f.finder == "declared")
    for cohort in finding.cohorts[:6]:
        members = discovery.members.query("finder == 'declared' and cohort == @cohort.name")
        for side in ("discovery", "confirmation"):
            rows = world.rows[world.rows["utterance_id"].isin(members["utterance_id"])
                              & (world.rows["speaker_id"].map(half) == side)]
            expected = summarise(rows).iloc[0]
            got = getattr(cohort, side)
            assert got.value.value == pytest.approx(expected["value"])
            assert (got.n, got.n_speakers, got.weight) == (
                expected["n"], expected["n_speakers"], expected["weight"])


def test_finders_without_data_say_so() -> None:
    world = make_world()
    bare = world._replace(utterances=world.utterances[["utterance_id", "speaker_id"]])
    bare = bare._replace(vectors=world.vectors.iloc[:0])
    found = discover_among(bare.people(), SUBJECT, FINDERS, QUICK)
    assert [item.names for item in found.findings.left_out] == [(f.name,) for f in FINDERS]
    assert {item.what for item in found.findings.left_out} == {"finder"}
    assert found.findings.finders == []


def test_few_and_unknown_speakers_are_warned_of() -> None:
    world = make_world(speakers=24)
    anonymous = world.rows["speaker_id"].mask(world.rows["speaker_id"] == "s000")
    people = world._replace(rows=world.rows.assign(speaker_id=anonymous)).people()
    notes = discover_among(people, SUBJECT, [Tree()], QUICK).findings.warnings
    assert any("6 utterances have no speaker id" in note for note in notes)
    assert any("fewer than 30" in note for note in notes)


def test_places_off_the_globe_are_in_the_ledger() -> None:
    world = make_world()
    latitude = world.utterances["latitude"].astype(object)
    latitude[world.utterances["speaker_id"].isin(["s000", "s001"])] = "north"
    people = world._replace(utterances=world.utterances.assign(latitude=latitude)).people()
    lines = list(map(str, discover_among(people, SUBJECT, [Tree()], QUICK).findings.left_out))
    assert ("places: 2 speakers left out: a latitude or longitude that is off the globe or no "
            "number counts as unknown (s000, s001)") in lines
    assert "tree: 2 speakers left out: latitude and longitude are unknown (s000, s001)" in lines
    assert not any("globe" in str(item) for item in
                   discover_among(world.people(), SUBJECT, [Tree()], QUICK).findings.left_out)


def test_a_run_folder_from_end_to_end(tmp_path: Path) -> None:
    world = make_world()
    run = make_run(tmp_path, world)
    POSTCODES.to_csv(tmp_path / "postcodes.csv", index_label="postcode")
    found = discover(run, finders=FINDERS, settings=QUICK)
    written = write_discovery(run, found)
    tree = json.loads((tmp_path / "findings.json").read_text())
    assert tree["schema"] == 3
    found_again = run.findings()
    assert found_again is not None
    assert found_again.to_json() == written.to_json()  # NaN is not equal to itself
    assert (tree["metric"], tree["pipeline"], tree["condition"]) == ("wer", "given", None)
    assert [f["finder"] for f in tree["finders"]] == [finder.name for finder in FINDERS]
    assert tree["left_out"] == []
    regions = tree["finders"][0]["regions"]["features"]
    assert len(regions) == len(tree["finders"][0]["cohorts"])
    members = pq.read_table(tmp_path / "cohorts.parquet").to_pandas()
    assert list(members) == ["utterance_id", "finder", "cohort"]
    assert set(members["utterance_id"]) <= set(world.rows["utterance_id"])
    speakers = pq.read_table(tmp_path / "cohort_speakers.parquet").to_pandas()
    assert len(speakers) == 96
    assert speakers[["x", "y", "latitude"]].notna().all(axis=None)
    columns, rows = describe(found.findings)
    assert {len(row) for row in rows} == {len(columns)}
    assert any(row[-1] == "confirmed" for row in rows)


def test_verification_finds_who_is_rejected(tmp_path: Path) -> None:
    world = make_world()
    found = discover(make_run(tmp_path, world), metric="false_rejects", finders=[Tree()],
                     settings=QUICK)
    assert found.findings.fact.unit == "%"
    assert overlap(found, "tree", world) >= 0.75
    assert found.findings.overall.n_failed == 1  # the trial without a score


@pytest.mark.parametrize(("options", "why"), [
    ({"metric": "pesq"}, "no metric 'pesq'"), ({"metric": "wer.hits"}, "neither better"),
    ({"pipeline": "x"}, "no pipeline 'x'"), ({"condition": "x"}, "no condition 'x'")])
def test_what_the_run_has_not_is_named(tmp_path: Path, options: dict[str, str], why: str) -> None:
    run = make_run(tmp_path, make_world())
    with pytest.raises(ConfigError, match=why):
        discover(run, finders=FINDERS, settings=QUICK, **options)


def test_a_broken_file_of_embeddings_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path, make_world())
    (tmp_path / "embeddings.parquet").write_bytes(b"no")
    with pytest.raises(RunError, match=r"embeddings\.parquet"):
        discover(run, finders=FINDERS, settings=QUICK)


def test_values_are_shown_in_the_metrics_unit(discovery: Discovery) -> None:
    _, rows = describe(discovery.findings)
    tree = next(row for row in rows if row[0] == "tree")
    gap = discovery.findings.finders[0].verdicts[0].discovered_gap
    assert tree[4] == f"{100 * gap:.1f}"
    chance = discovery.findings.finders[0].chance
    assert tree[5] == f"{100 * chance.low:.1f} to {100 * chance.high:.1f}"
