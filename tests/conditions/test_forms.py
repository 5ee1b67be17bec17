"""The forms of conditions in eval.yaml: what one line stands for."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.condition_forms import written_out
from evalkit.core.config import ConditionConfig, parse_config
from evalkit.core.errors import ConfigError


def parsed(*conditions: Any) -> list[ConditionConfig]:
    tree = {"corpus": "c.jsonl", "pipelines": [{"name": "bare"}], "metrics": ["si_sdr"],
            "conditions": [*conditions]}
    return parse_config(tree, Path("/tmp/eval.yaml")).conditions


def test_a_chain_in_a_list_and_in_a_line_are_the_same() -> None:
    steps = [{"noise": "babble", "snr_db": 5}, {"codec": "opus", "kbps": 16},
             {"packet_loss": 0.05}]
    line = {"noise": "babble", "snr_db": 5, "codec": "opus", "kbps": 16, "packet_loss": 0.05}
    (one,), (other,) = parsed({"name": "call", "chain": steps}), parsed({"name": "call", **line})
    assert one == other
    assert one.plugin is not None and one.plugin.name == "chain"
    assert one.plugin.options == {"steps": [
        {"name": "noise", "options": {"kind": "babble", "snr_db": 5}},
        {"name": "codec", "options": {"codec": "opus", "kbps": 16}},
        {"name": "packet_loss", "options": {"packet_loss": 0.05}}]}


@pytest.mark.parametrize("item", [
    "clean", {"name": "hum", "noise": "stationary", "snr_db": 5},
    {"snr_db": 5, "noise": "babble", "name": "talk", "seed": 3},
    {"name": "long", "plugin": {"name": "noise", "kind": "babble", "snr_db": 0}},
    {"name": "odd"}])
def test_forms_that_there_were_stay_as_they_are(item: Any) -> None:
    assert written_out([item]) == [item]


def test_one_condition_is_no_chain_and_options_may_come_in_any_form() -> None:
    (gain, law, outside) = parsed({"name": "a", "gain": 6}, {"name": "b", "chain": [
        {"rate": 8000, "codec": "mu_law"}]}, {"name": "c", "clipping": {"clipping": 3}})
    assert gain.plugin and law.plugin and outside.plugin
    assert (gain.plugin.name, gain.plugin.options) == ("gain", {"gain": 6})
    assert (law.plugin.name, law.plugin.options) == ("codec", {"codec": "mu_law", "rate": 8000})
    assert (outside.plugin.name, outside.plugin.options) == ("clipping", {"clipping": 3})


@given(kinds=st.lists(st.sampled_from(["babble", "stationary", "modulated"]), min_size=1,
                      unique=True),
       ratios=st.lists(st.integers(-9, 30), min_size=1, max_size=4, unique=True),
       codecs=st.lists(st.sampled_from(["gsm", "opus", "mp3"]), min_size=1, unique=True))
@settings(max_examples=25, deadline=None)
def test_a_grid_is_every_combination_and_equals_conditions_named_one_by_one(
        kinds: list[str], ratios: list[int], codecs: list[str]) -> None:
    made = parsed({"name": "{noise}_{snr_db}dB_{codec}",
                   "grid": {"noise": kinds, "snr_db": ratios, "codec": codecs, "rate": 8000}})
    assert made == [one for kind, ratio, codec in product(kinds, ratios, codecs) for one in parsed(
        {"name": f"{kind}_{ratio}dB_{codec}", "noise": kind, "snr_db": ratio, "codec": codec,
         "rate": 8000})]


@pytest.mark.parametrize(("item", "said"), [
    ({"name": "x", "grid": {"noise": ["babble"], "snr_db": [0, 5]}},
     "conditions.x: grid: the name must hold {snr_db}"),
    ({"name": "{gain}", "grid": {"gain": []}}, "gain has an empty list"),
    ({"name": "{gain}_{clipping}", "grid": {"gain": list(range(40)), "clipping": list(range(40))}},
     "makes 1,600 conditions; at most 1,000"),
    ({"name": "x", "grid": {"snr_db": 5}}, "no condition 'snr_db'; there are"),
    ({"name": "x", "chain": [{"codek": "opus"}]}, "did you mean 'codec'?"),
    ({"name": "x", "pakcet_loss": 0.1}, "x: no condition 'pakcet_loss'; there are chain"),
    ({"name": "x", "pakcet_loss": 0.1}, "did you mean 'packet_loss'?"),
    ({"name": "x", "snr_db": 5, "nose": "babble"}, "no condition 'nose'; there are"),
    ({"name": "x", "grdi": {}}, "did you mean 'grid'?"),
    ({"name": "x", "chain": []}, "chain must be a list of steps"),
    ({"name": "x", "chain": [5]}, "a step must be the name of a condition"),
    ({"name": "x", "chain": ["noise"], "seed": 5}, "'seed' beside 'chain'"),
    ({"name": "x", "grid": {"gain": 1}, "seed": 5}, "'seed' beside 'grid'"),
    ({"name": "a/b", "gain": 1}, "conditions.0.name: may hold letters"),
    ({"gain": 1}, "name: must be text")])
def test_a_mistake_is_one_line_that_says_what_to_do(item: Any, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parsed(item)
    assert said in str(error.value)
    assert str(error.value).startswith("/tmp/eval.yaml: ") and "\n" not in str(error.value)


def test_impulse_responses_are_a_folder_beside_the_configuration() -> None:
    (made,) = parsed({"name": "x", "impulse_responses": "halls", "reference": "early"})
    assert made.plugin is not None
    assert made.plugin.options == {"folder": "/tmp/halls", "reference": "early"}
    one, other = parsed({"name": "{room}", "grid": {"room": [0.3, 0.6]}})
    assert one.plugin and other.plugin and (one.name, other.name) == ("0.3", "0.6")
    assert other.plugin.options == {"room": 0.6}


def test_a_folder_in_a_chain_is_taken_from_the_configurations() -> None:
    (made,) = parsed({"name": "x", "chain": [{"noise": "recorded", "folder": "hum"}, "gain"]})
    assert made.plugin is not None
    assert made.plugin.options["steps"][0]["options"]["folder"] == "/tmp/hum"
