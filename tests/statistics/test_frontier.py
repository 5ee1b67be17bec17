"""Cost against error: who is dominated and who pays, beside planted truths and plain sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evalkit.cli.frontier import verdicts
from evalkit.core.errors import ConfigError
from evalkit.core.types import Fact
from evalkit.results.pipeline_costs import stated_costs
from evalkit.statistics.frontier import (
    Asked,
    axis_named,
    frontier_of,
    passed_over,
    usual_axis,
)
from evalkit.statistics.multiple import adjust
from evalkit.statistics.variants import Variants, variants
from evalkit.store.documents.frontier import Frontier, Taken
from evalkit.store.runfolder import RunFolder
from tests.worlds import FakeRun, plant

FACTS = {"wer": Fact("%", False, "errors over words", is_count=True),
         "quality": Fact("MOS", True, "of sound", decimals=2)}
COSTS = {"whole": 8e6, "half": 4e6, "tiny": 1e6}


def planted(more: dict[str, dict[str, float]], seed: int = 0, speakers: int = 20) -> Variants:
    """Pipelines whose errors are those of "whole" and, by group, so many ``more`` in a word."""
    rng = np.random.default_rng(seed)
    groups = list(next(iter(more.values())))
    base = plant(rng, speakers * len(groups), mean_utterances=8).assign(pipeline="whole")
    number = base["speaker_id"].str[1:].astype(int).to_numpy()
    group = np.array(groups)[number // speakers]
    rows = [base]
    for name, added in more.items():
        rate = pd.Series(group).map(added).to_numpy(float)
        change = np.sign(rate) * rng.poisson(base["weight"] * abs(rate))
        rows.append(base.assign(pipeline=name, amount=base["amount"] + change))
    people = base[["utterance_id", "speaker_id"]].assign(place=group, lane=np.where(
        number % 2, "left", "right"))
    return Variants(pd.concat(rows, ignore_index=True), people, FACTS, {
        name: Taken(macs_per_second=cost, bytes=None if name == "tiny" else cost)
        for name, cost in COSTS.items()}, {})


EQUAL = {"a": 0.0, "b": 0.0, "c": 0.0}
PAYING = {"half": EQUAL, "tiny": {"a": 0.02, "b": 0.02, "c": 0.15}}


def asked(more: dict[str, dict[str, float]], by: Sequence[Sequence[str]] = (["place"],),
          **options: object) -> Frontier:
    return frontier_of(planted(more), replace(Asked(by=by), **options))


def test_who_pays_is_found_and_nobody_else() -> None:
    found = asked(PAYING)
    assert [(row.pipeline, row.group) for row in found.payers] == [("tiny", "c")]
    assert [each.pipeline for each in found.variants] == ["tiny", "half", "whole"]
    assert (found.against, found.reference.change, found.axis) == ("whole", None, "macs_per_second")
    half = [row.change for row in found.groups if row.pipeline == "half"]
    assert {each.effect for each in half if each} == {"unchanged"}
    tiny, = (each for each in found.variants if each.pipeline == "tiny")
    assert tiny.dominated is None and tiny.change is not None and tiny.change.effect == "harmed"
    dumped = found.model_dump_json()
    assert Frontier.model_validate_json(dumped).model_dump_json() == dumped


def test_values_and_changes_are_ratios_of_sums() -> None:
    table = planted(PAYING)
    rows = table.scores.merge(table.utterances[["utterance_id", "place"]])
    sums = rows.groupby(["pipeline", "place"])[["amount", "weight"]].sum()
    rate = sums["amount"] / sums["weight"]
    for row in frontier_of(table, Asked(by=[["place"]])).groups:
        assert row.value.value == pytest.approx(rate[row.pipeline, row.group])
        if row.change is not None:
            assert row.change.change.value == pytest.approx(
                rate[row.pipeline, row.group] - rate["whole", row.group])


def test_a_dearer_pipeline_that_errs_more_is_dominated_surely() -> None:
    found = asked({"half": dict.fromkeys(EQUAL, 0.1), "tiny": dict.fromkeys(EQUAL, 0.01)})
    worse = {each.pipeline: each.dominated for each in found.variants}
    assert worse["tiny"] is None and worse["whole"] is None
    assert worse["half"] is not None and (worse["half"].by, worse["half"].sure) == ("tiny", True)
    assert worse["half"].difference.value == pytest.approx(0.09, abs=0.02)


def test_as_good_for_less_dominates_but_not_surely() -> None:
    found = asked({"half": EQUAL, "tiny": EQUAL})
    for each in found.variants:
        assert (each.dominated is None) == (each.pipeline == "tiny")
        assert each.dominated is None or (each.dominated.by, each.dominated.sure) == ("tiny", False)
    assert {row.dominated for row in found.groups if row.pipeline != "tiny"} == {"tiny"}


def test_unasked_it_is_by_the_columns_of_a_page() -> None:
    table = planted(PAYING)
    people = table.utterances
    number = people["speaker_id"].str[1:].astype(float)
    people = people.assign(latitude=number, longitude=-number, town=people["place"] + " town",
                           person="p" + people["speaker_id"].astype(str),
                           pair=np.where(number < 44, people["speaker_id"], "others"))
    alone = people[number < 40]
    for each, expected in ((people, ["place", "lane", "pair"]), (alone, ["place", "lane"])):
        found = frontier_of(replace(
            table, utterances=each, scores=table.scores[table.scores["utterance_id"].isin(
                each["utterance_id"])]), Asked())
        assert list(dict.fromkeys(row.by for row in found.groups)) == [(n,) for n in expected]
        why = {name: item.why for item in found.left_out if item.what == "column"
               for name in item.names}
        assert why["town"] == "makes the same groups as place"
        assert why["latitude"] == why["longitude"] and "a place" in why["latitude"]
        assert why.keys() >= {"person"}
    assert why["pair"] == "every group is one speaker"


def test_of_quality_more_is_better() -> None:
    table = planted({"half": dict.fromkeys(EQUAL, 0.2), "tiny": {
        "a": -0.02, "b": -0.02, "c": -0.15}})
    found = frontier_of(replace(table, scores=table.scores.assign(metric="quality")),
                        Asked(by=[["place"]]))
    assert [(row.pipeline, row.group) for row in found.payers] == [("tiny", "c")]
    whole = found.reference.dominated
    assert whole is not None and (whole.by, whole.sure) == ("half", True)


def test_p_values_are_adjusted_over_all_that_is_shown() -> None:
    """Holm's smallest adjusted one is the smallest of all times their number; those of everybody
    are over the pipelines."""
    one, two = asked(PAYING), asked(PAYING, by=(["place"], ["lane"]))
    for found, n in ((one, 2 * 3), (two, 2 * 3 + 2 * 2)):
        p = np.array([row.change.p_adjusted for row in found.groups if row.change])
        assert len(p) == n and p.min() == pytest.approx(n / 10_001)
    assert [each.change and each.change.p_adjusted for each in one.variants] == [
        each.change and each.change.p_adjusted for each in two.variants]
    lanes = [row.change.beyond_p_adjusted for row in two.groups
             if row.by == ("lane",) and row.change]
    assert lanes[0] == lanes[2] and adjust(np.array([0.01, 0.5]))[0] == 0.02


def test_only_utterances_that_all_have_are_compared() -> None:
    table = planted(PAYING)
    lost = table.scores.index[(table.scores["pipeline"] == "tiny")][[0, 3]]
    gone = set(table.scores.loc[lost, "utterance_id"])
    scores = table.scores.drop(index=lost[0])
    scores.loc[lost[1], "error"] = "Lost: it"
    found = frontier_of(replace(table, scores=scores), Asked(by=[["place"]]))
    item, = (item for item in found.left_out if item.what == "utterance")
    assert (item.n, set(item.names)) == (2, gone)
    kept = table.scores[~table.scores["utterance_id"].isin(gone)]
    for each in found.variants:
        own = kept[kept["pipeline"] == each.pipeline]
        assert each.value.value == pytest.approx(own["amount"].sum() / own["weight"].sum())
    assert sum(row.n_failed for row in found.groups if row.pipeline == "whole") == 2


def test_a_pipeline_of_unknown_cost_is_left_out_and_named(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run", tmp_path, ["plain", "rnnoise", "other"], ["clean"])
    table = variants([RunFolder(run.write())])
    with pytest.raises(ConfigError, match="no cost is known of two pipelines"):
        frontier_of(table)
    stated = {"plain": Taken(bytes=5), "other": Taken(bytes=3)}
    found = frontier_of(table.told(stated), Asked(by=[["gender"]], axis="bytes"))
    assert [each.pipeline for each in found.variants] == ["other", "plain"]
    item, = (item for item in found.left_out if item.what == "pipeline")
    assert item.names == ("rnnoise",) and item.why == (
        "size of weights not known: compiled in")
    with pytest.raises(ConfigError, match=r"plain: multiply-accumulates not known.*--costs FILE"):
        frontier_of(table.told(stated), Asked(axis="macs_per_second"))


def test_where_no_group_is_large_enough_that_is_said() -> None:
    found = frontier_of(planted(PAYING, speakers=4), Asked(by=[["place"]]))
    assert {row.status for row in found.groups} == {"insufficient"}
    assert verdicts(found) == [
        "no group could be tested: no two have enough speakers and utterances"]
    assert verdicts(asked(PAYING, by=())) == ["no group could be tested: there is none"]
    assert verdicts(asked({"half": EQUAL, "tiny": EQUAL})) == [
        "no group is seen to pay more than the others"]


def test_without_columns_everybody_is_compared() -> None:
    found = asked(PAYING, by=())
    assert not found.groups and all(each.change for each in found.variants[:2])


@pytest.mark.parametrize(("options", "message"), [
    ({"metric": "wre"}, "no metric 'wre'"), ({"against": "hole"}, "did you mean 'whole'"),
    ({"condition": "noisy"}, "no scores of the condition 'noisy'"),
    ({"by": [["plaice"]]}, "no column 'plaice'")])
def test_what_there_is_not_is_one_line(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        asked(PAYING, **options)
    assert "\n" not in str(error.value)


def test_axes_by_name_and_by_word() -> None:
    assert axis_named("macs") == axis_named("macs_per_second") == "macs_per_second"
    with pytest.raises(ConfigError, match="no cost 'money'; there are macs, bytes, weights"):
        axis_named("money")
    assert usual_axis({"a": Taken(bytes=1, weights=1), "b": Taken(bytes=2)}) == "bytes"
    assert usual_axis({"a": Taken(bytes=1, weights=1), "b": Taken(bytes=2, weights=1)}) == "bytes"
    assert usual_axis({"a": Taken(weights=1), "b": Taken(weights=1)}) == "weights"
    said_more = {"a": Taken(macs_per_second=23.2, bytes=1), "b": Taken(macs_per_second=24, bytes=4)}
    assert usual_axis(said_more) == "bytes", "one network's multiplications differ a little"
    few_bits = {"a": Taken(weights=2, bytes=8), "b": Taken(weights=2, bytes=1),
                "c": Taken(weights=1, bytes=4)}
    assert usual_axis(few_bits) == "bytes"
    few_bits["b"] = Taken(weights=2)
    assert usual_axis(few_bits) == "weights", "what the most have goes before the order"


SAME = "none takes over 1.1 times what another does"


@pytest.mark.parametrize(("taken", "said"), [
    ([Taken(macs_per_second=23.2, bytes=1), Taken(macs_per_second=24, bytes=4)],
     f"size of weights, not multiply-accumulates ({SAME})"),
    ([Taken(bytes=1, weights=5), Taken(bytes=4, weights=5), Taken(weights=5)],
     f"size of weights, not weights ({SAME})"),
    ([Taken(macs_per_second=1, bytes=8, weights=2), Taken(bytes=1, weights=2), Taken(weights=1)],
     "weights, not multiply-accumulates (none takes over 1.1 times what another does), not size of "
     "weights (known of 2 pipelines alone)"),
    ([Taken(bytes=1, weights=1), Taken(bytes=1, weights=1)], None),
    ([Taken(bytes=1, weights=1), Taken(bytes=2, weights=2)], None)])
def test_why_another_cost_is_not_taken(taken: list[Taken], said: str | None) -> None:
    of = {str(i): each for i, each in enumerate(taken)}
    assert passed_over(of, usual_axis(of)) == ([] if said is None else [
        f"the cost is {said}; `evalkit frontier --cost` takes another"])


def test_the_answer_says_which_cost_was_not_taken() -> None:
    table = planted(PAYING)
    table = replace(table, taken={name: each.model_copy(update={"macs_per_second": 1.0, "bytes": i})
                                  for i, (name, each) in enumerate(table.taken.items(), 1)})
    found = frontier_of(table, Asked(by=[]))
    assert found.axis == "bytes"
    assert [line for line in found.warnings if SAME in line] == [
        f"the cost is size of weights, not multiply-accumulates ({SAME}); `evalkit frontier --cost`"
        " takes another"]
    assert not frontier_of(table, Asked(by=[], axis="bytes")).warnings


def test_costs_of_a_pipeline_that_there_is_not_are_left_out_and_named() -> None:
    stated = {"tiny": Taken(bytes=1), "tinny": Taken(bytes=2), "b\x1b": Taken(bytes=3)}
    found = frontier_of(planted(PAYING).told(stated), Asked(by=[], axis="bytes"))
    assert [each.taken.bytes for each in found.variants if each.pipeline == "tiny"] == [1]
    assert [str(item) for item in found.left_out] == [
        "costs: 1 row left out: no such pipeline is compared; did you mean 'tiny'? (tinny)",
        "costs: 1 row left out: no such pipeline is compared (b?)"]


def test_a_label_that_one_run_lacks_is_that_of_another(tmp_path: Path) -> None:
    fakes = [FakeRun(tmp_path / name, tmp_path, [name], ["clean"]) for name in ("one", "two")]
    gender = fakes[1].utterances["gender"].copy()
    fakes[0].utterances.loc[::2, "gender"] = None
    stated = {"one": Taken(bytes=5), "two": Taken(bytes=3)}
    runs = [RunFolder(run.write()) for run in fakes]
    for order in (runs, runs[::-1]):
        table = variants(order).told(stated)
        assert [*table.utterances["gender"]] == [*gender]
        assert list(table.utterances["utterance_id"]) == list(fakes[0].utterances["utterance_id"])
        found = frontier_of(table, Asked(by=[["gender"]]))
        assert {row.group for row in found.groups} == set(gender)


def test_runs_side_by_side(tmp_path: Path) -> None:
    runs = []
    for name, seed in (("one", 0), ("two", 1)):
        run = FakeRun(tmp_path / name, tmp_path, ["plain"], ["clean"])
        run.info["pipelines"]["plain"]["recognizer"]["cost"] = {
            "weights": 10 - seed, "bytes": 40 - seed, "macs_per_second": 100.0 - seed}
        runs.append(run)
    table = variants([RunFolder(run.write()) for run in runs])
    assert list(table.taken) == ["one/plain", "two/plain"]
    found = frontier_of(table, Asked(by=[["gender"]]))
    assert [each.taken.weights for each in found.variants] == [9, 10]
    assert found.variants[0].change is not None
    assert found.variants[0].change.change.value == 0
    runs[1].utterances.loc[0, "text"] = "something else"
    with pytest.raises(ConfigError, match="has another text there; they are of different corpora"):
        variants([RunFolder(run.write()) for run in runs])
    runs[1].info["alignment_costs"] = "sclite"
    with pytest.raises(ConfigError, match="scored with another alignment costs"):
        variants([RunFolder(run.write()) for run in runs])


def test_runs_whose_folders_have_one_name_are_all_there(tmp_path: Path) -> None:
    runs = [RunFolder(FakeRun(tmp_path / where, tmp_path, ["plain"], ["clean"]).write())
            for where in ("fp32/run", "int8/run", "int8/again")]
    names = ["fp32/run/plain", "int8/run/plain", "int8/again/plain"]
    assert list(variants(runs).taken) == names
    assert list(variants(runs[1:]).taken) == ["run/plain", "again/plain"]
    rows = variants(runs).scores.groupby("pipeline").size()
    assert dict(rows) == dict.fromkeys(names, len(runs[0].scores()))
    (tmp_path / "link").symlink_to(runs[0].path)
    with pytest.raises(ConfigError, match=r"run: is given twice; name each run once$"):
        variants([*runs, RunFolder(tmp_path / "link")])


def test_runs_that_group_an_utterance_differently_are_an_error(tmp_path: Path) -> None:
    fakes = [FakeRun(tmp_path / name, tmp_path, [name], ["clean"]) for name in ("one", "two")]
    first = fakes[1].utterances.loc[0, "utterance_id"]
    fakes[1].utterances.loc[0, "gender"] = "another"
    stated = {"one": Taken(bytes=5), "two": Taken(bytes=3)}
    table = variants([RunFolder(run.write()) for run in fakes]).told(stated)
    for by in ([["gender"]], None):
        with pytest.raises(ConfigError, match=f"^utterance '{first}' has another gender in one"):
            frontier_of(table, Asked(by=by))
    assert frontier_of(table, Asked(by=[])).variants
    fakes[1].utterances["gender"] = None
    table = variants([RunFolder(run.write()) for run in fakes]).told(stated)
    assert frontier_of(table, Asked(by=[["gender"]])).groups


def test_one_pipeline_is_told_that_it_needs_two() -> None:
    with pytest.raises(ConfigError, match=r"^only the pipeline tiny is compared, two are needed"):
        frontier_of(planted(PAYING).only(["tiny"]))


@pytest.mark.parametrize(("costs", "message"), [
    ([1], r"^costs: expected a file, or costs by pipeline, not a list$"),
    ({"a": {"bytes": 10**400}}, r"^costs: a: bytes must be a number from 0"),
    ({"a": None}, r"^costs: a: expected costs by name")])
def test_costs_that_are_none_are_one_line(costs: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        stated_costs(costs, ["a"])
