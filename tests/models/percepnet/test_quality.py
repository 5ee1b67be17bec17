"""The benchmark of enhancers: what is compared with what, and what is said to hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from benchmarks import enhancer_quality
from benchmarks.enhancer_quality import (
    FLOATS,
    METRICS,
    NOISY,
    OURS,
    PLAIN,
    READERS,
    STREAMED,
    Bar,
    KeptOut,
    bars,
    compare,
    gain,
    measured,
    options_of,
    show,
)
from benchmarks.ladder.mixtures import CORPUS, NOISE_FOLDER
from evalkit.models.percepnet.recipe import RECIPE, EnhancerRecipe
from evalkit.training.sources import Source
from tests.conftest import tone


def scores(gains: dict[str, float], failed: str = "") -> pd.DataFrame:
    """Of two readers with two utterances each at two ratios: every metric of a system is so much
    above the noisy speech's; the first utterance of the system ``failed`` was not measured."""
    rows = []
    for system, more in gains.items():
        for number, (reader, utterance, snr) in enumerate(
                (r, u, s) for r in "ab" for u in "12" for s in (0.0, 5.0)):
            error = "PESQ" if system == failed and number == 0 else None
            rows += [{"pipeline": system, "condition": f"kitchen_{snr:g}dB", "noise": "kitchen",
                      "snr": snr, "speaker_id": reader, "metric": metric, "weight": 1.0,
                      "utterance_id": f"{reader}{utterance} {snr}", "error": error,
                      "amount": np.nan if error else number + more * (1 + snr)}
                     for metric in METRICS]
    return pd.DataFrame(rows)


def test_gains_are_paired_and_leave_out_what_one_lacks():
    found = gain(scores({NOISY: 0, OURS: 0.1}), "pesq_wb", OURS, NOISY)
    assert found.value == pytest.approx(0.35)  # the mean of .1 and .6
    without = gain(scores({NOISY: 0, OURS: 0.1}, failed=OURS), "pesq_wb", OURS, NOISY)
    assert without.value == pytest.approx((3 * 0.1 + 4 * 0.6) / 7)


@pytest.mark.parametrize(("ours", "least", "holds"), [(0.1, 0.35, True), (0.1, 0.36, False)])
def test_a_bar_is_held_where_the_mean_reaches_it(ours, least, holds):
    found, line = Bar("pesq_wb", NOISY, least - 1e-9).met(scores({NOISY: 0, OURS: ours}))
    assert found == holds
    assert line.startswith("held" if holds else "NOT HELD") and "+0.350" in line


def test_a_bar_at_one_ratio_looks_at_that_ratio_alone():
    table = scores({NOISY: 0, OURS: 0.1})
    assert Bar("stoi", NOISY, 0.5, snr=5.0).met(table)[0]
    assert not Bar("stoi", NOISY, 0.5, snr=0.0).met(table)[0]


def test_only_what_was_run_is_compared(capsys):
    table = scores({NOISY: 0, "rnnoise": 0.3, OURS: 0.1})
    assert {bar.other for bar in bars(table)} == {NOISY, "rnnoise"}
    assert {bar.other for bar in bars(scores({NOISY: 0, OURS: 0.1, FLOATS: 0.2}))
            } == {NOISY, FLOATS}
    show(table)
    printed = capsys.readouterr().out
    assert "held     pesq_wb less noisy's: +0.350" in printed
    assert "NOT HELD si_sdr less rnnoise's: -0.70" in printed


def test_networks_are_set_side_by_side(capsys):
    networks = [KeptOut(Path("a.onnx")), KeptOut(Path("b.onnx"), ("1688", "2033"), ())]
    compare(networks, [scores({NOISY: 0, OURS: 0.1}), scores({NOISY: 0, OURS: 0.2})])
    printed = capsys.readouterr().out
    assert "PESQ over noisy: 0.350 to 0.700, standard deviation 0.247, of 2 networks" in printed


def test_what_a_network_never_heard_is_given_with_it(tmp_path):
    assert KeptOut.parsed("a.onnx", tmp_path) == KeptOut(Path("a.onnx"), READERS)
    some = KeptOut.parsed("b.onnx@1688,2033", tmp_path)
    assert some == KeptOut(Path("b.onnx"), ("1688", "2033"))
    babble = KeptOut.parsed("b.onnx@1688,2033@-", tmp_path)
    assert (babble.noises, babble.name) == ((), "1688-2033")


def test_what_a_network_never_heard_follows_from_the_recipe_beside_it(tmp_path):
    data, trained = tmp_path / "data", tmp_path / "trained"
    for path in (*(f"{CORPUS}/test-other/{reader}/1/{reader}.flac" for reader in ("3", "5", "7")),
                 *(f"{NOISE_FOLDER}/{noise}.wav" for noise in ("tap", "rain"))):
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(data / path, tone(0.2), 16_000)
    speech = Source(folder=Path("elsewhere") / CORPUS, without=["test-other/5/**/*"])
    recipe = EnhancerRecipe(speech=[speech, Source(folder=Path("other"))],
                            noise=[Source(folder=Path(NOISE_FOLDER), files=["tap.wav"])])
    trained.mkdir()
    (trained / RECIPE).write_text(recipe.model_dump_json(), encoding="utf-8")
    weights = trained / "percepnet.onnx"
    assert KeptOut.parsed(str(weights), data) == KeptOut(weights, ("5",), ("rain",))
    assert KeptOut.parsed(f"{weights}@7", data) == KeptOut(weights, ("7",), ("rain",))


def test_a_network_is_heard_whole_streamed_and_without_postfilter(tmp_path, tiny_percepnet,
                                                                  monkeypatch):
    for metrics in ("JUDGED", "COMPARED"):
        monkeypatch.setattr(enhancer_quality, metrics, ["stoi"])
    for number, reader in enumerate(("1", "2")):
        path = tmp_path / f"{CORPUS}/test-other/{reader}/1/{reader}.flac"
        path.parent.mkdir(parents=True)
        soundfile.write(path, tone(2.0, pitch=120 + 60 * number), 16_000)
    (tmp_path / NOISE_FOLDER).mkdir()
    options = options_of(["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--snrs", "5",
                          "--enhancers", "spectral_gating", "--float", str(tiny_percepnet)])
    table = measured(KeptOut(tiny_percepnet, ("1", "2"), ()), options)
    stoi = table[table["metric"] == "stoi"].pivot_table(index="utterance_id", columns="pipeline",
                                                         values="amount")
    assert set(stoi) == {NOISY, "spectral_gating", OURS, STREAMED, PLAIN, FLOATS}
    assert sorted(stoi.index) == ["1 babble_5dB", "2 babble_5dB"]
    np.testing.assert_allclose(stoi[STREAMED], stoi[OURS], atol=1e-3)
    assert stoi[FLOATS].equals(stoi[OURS]) and not np.allclose(stoi[PLAIN], stoi[OURS], atol=1e-3)
    assert set(table["snr"]) == {5.0} and set(table["noise"]) == {"babble"}
    assert {bar.other for bar in bars(table)} == {NOISY, "spectral_gating", FLOATS}
