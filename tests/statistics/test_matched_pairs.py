"""Matched pairs against NIST's sc_stats, Wilcoxon, McNemar."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evalkit.core.alignment import align
from evalkit.core.types import Fact
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.matched_pairs import Segment, mapsswe, mcnemar, segments, wilcoxon
from evalkit.statistics.sums import speaker_sums
from evalkit.statistics.systems import compare_systems


def aligned(operations):
    """An alignment with the given operations."""
    return [(op, None if op == "I" else "r", None if op == "D" else "h") for op in operations]


@pytest.mark.parametrize(("a", "b", "expected"), [
    ("====", "====", []),
    ("==S==", "=====", [(5, 1, 0)]),
    ("S====", "=====", [(3, 1, 0)]),
    ("====D", "=====", [(3, 1, 0)]),
    ("====S====", "====S====", [(5, 1, 1)]),
    # One right word between two errors does not end a segment, two do and are shared.
    ("==S=S==", "=======", [(7, 2, 0)]),
    ("==S==S==", "========", [(5, 1, 0), (5, 1, 0)]),
    ("==S====S==", "==========", [(5, 1, 0), (5, 1, 0)]),
    # A word that only one has right does not count as right.
    ("==S=====", "===S====", [(6, 1, 1)]),
    # An insertion is an error between words, also at the end.
    ("==I==", "====", [(4, 1, 0)]),
    ("==II==", "==I==", [(4, 2, 1)]),
    ("====I", "====", [(2, 1, 0)]),
    ("I", "", [(0, 1, 0)]),
    ("", "", []),
])
def test_segments(a, b, expected):
    assert segments(aligned(a), aligned(b)) == [Segment(*s) for s in expected]
    assert segments(aligned(b), aligned(a)) == [Segment(w, y, x) for w, x, y in expected]


def test_alignments_of_different_references_are_refused():
    with pytest.raises(ValueError, match="2 and 3 words"):
        segments(aligned("=="), aligned("==="))


def test_the_sc_stats_fixture():
    """Two sentences, three segments, 13 words, 9 and 7 errors: mean .667, sd .577, Z 2.000."""
    found = mapsswe([Segment(5, 3, 2), Segment(4, 3, 2), Segment(4, 3, 3)])
    assert (found.segments, found.words, found.errors_a, found.errors_b) == (3, 13, 9, 7)
    assert f"{found.mean:.3f} {found.sd:.3f} {found.z:.3f}" == "0.667 0.577 2.000"
    assert found.p_value == pytest.approx(0.0455, abs=5e-5)
    assert "3 segments: fewer than 50" in found.warning


def test_equal_differences():
    assert mapsswe([Segment(3, 1, 1)] * 60).p_value == 1
    always_worse = mapsswe([Segment(3, 2, 1)] * 60)
    assert np.isnan([always_worse.z, always_worse.p_value]).all()
    assert mapsswe([]).p_value == 1


@pytest.fixture(scope="module")
def librispeech(real_data):
    """Alignments of three systems by sclite's costs: name -> utterance -> Alignment."""
    folder = real_data / "asr_results" / "librispeech_test-clean"

    def read(path):
        lines = path.read_text().splitlines()
        return {line.split("\t")[0]: line.partition("\t")[2].split() for line in lines}

    reference = read(folder / "ref.tsv")
    return {path.name.split(".")[1]: {u: align(words, read_path[u], costs="sclite")
                                      for u, words in reference.items()}
            for path in sorted(folder.glob("test-clean.*.tsv")) for read_path in [read(path)]}


SC_STATS = {
    ("b1", "b2"): (1536, 7222, 1921, 1467, ".296", ".841", "13.773"),
    ("b1", "s5"): (1495, 7007, 1921, 1042, ".588", ".859", "26.468"),
    ("b2", "s5"): (1134, 5272, 1467, 1042, ".375", ".818", "15.433"),
}


@pytest.mark.real
def test_equal_to_sc_stats_on_three_real_systems(librispeech):
    assert set(combinations(librispeech, 2)) == set(SC_STATS)
    for (a, b), expected in SC_STATS.items():
        found = mapsswe(s for u in librispeech[a] for s in segments(
            librispeech[a][u].pairs, librispeech[b][u].pairs))
        printed = (f"{x:.3f}".removeprefix("0") for x in (found.mean, found.sd, found.z))
        assert (found.segments, found.words, found.errors_a, found.errors_b,
                *printed) == expected


def scores_of(alignments):
    return pd.DataFrame([
        {"utterance_id": u, "speaker_id": u.split("-")[0], "amount": float(a.edits.errors),
         "weight": float(a.edits.reference_length), "error": None} for u, a in alignments.items()])


@pytest.mark.real
def test_comparison_of_two_real_systems(librispeech):
    a, b = librispeech["b1"], librispeech["s5"]
    lost = next(iter(b))
    scores = scores_of(b)
    scores.loc[scores["utterance_id"] == lost, ["amount", "weight", "error"]] = [
        np.nan, np.nan, "NoHypothesis: none"]
    texts = tuple({u: x.to_json() for u, x in side.items()} for side in (a, b))
    found = compare_systems(scores_of(a), scores, ("b1", "s5"), alignments=texts,
                            fact=Fact("%", False, "", is_count=True), resampling=Resampling(500))
    assert (found.n, sum(item.n for item in found.left_out)) == (2619, 1)
    assert found.difference.value == pytest.approx(found.rate_a.value - found.rate_b.value)
    assert 0 < found.difference.low < found.difference.high < 0.03
    assert found.difference.se < found.rate_a.se
    assert found.speakers.n <= found.difference.n_speakers == 40
    assert found.speakers.p_value < 1e-6
    assert found.sentences.b_better > found.sentences.a_better
    assert found.matched_pairs.z == pytest.approx(26.468, abs=0.2)


def test_mcnemar_is_the_sign_test_on_discordant_sentences():
    a = np.array([1, 1, 1, 1, 1, 1, 0, 0, 1], bool)
    b = np.array([0, 0, 0, 0, 0, 1, 1, 0, 1], bool)
    found = mcnemar(a, b)
    assert (found.n, found.a_better, found.b_better) == (6, 5, 1)
    assert found.p_value == pytest.approx(2 * (1 + 6) / 2**6)
    assert mcnemar(a, a).p_value == 1


@pytest.mark.parametrize("differences", [
    [1.0], [1.0, -1.0], [2.0, 2.0, -1.0, 3.0], [0.5, 0.5, 0.5, -0.5, 1.0, -2.0, 2.0]])
def test_few_speakers_with_ties_have_scipys_exact_p(differences: list[float]) -> None:
    frame = pd.DataFrame([
        {"utterance_id": str(i), "speaker_id": str(i), "error": None, "system": system,
         "weight": 4.0, "amount": amount}
        for i, d in enumerate(differences) for system, amount in (("a", 8 + 4 * d), ("b", 8.0))])
    found = wilcoxon(speaker_sums(frame, system="system"), 0, 1)
    assert found.p_value == pytest.approx(stats.wilcoxon(differences).pvalue, abs=1e-12)


def test_wilcoxon_over_speakers():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"utterance_id": np.arange(80).astype(str),
                          "speaker_id": np.tile(np.arange(20), 4), "error": None,
                          "system": np.repeat(["a", "b"], 40), "weight": 10.0,
                          "amount": rng.poisson(np.repeat([2.0, 4.0], 40)).astype(float)})
    sums = speaker_sums(frame, system="system")
    rates = frame.groupby(["system", "speaker_id"])["amount"].sum().unstack(0) / 20
    found = wilcoxon(sums, 0, 1)
    d = (rates["a"] - rates["b"])[rates["a"] != rates["b"]]
    assert found.p_value == pytest.approx(stats.wilcoxon(d).pvalue)
    assert (found.a_better, found.b_better) == ((d < 0).sum(), (d > 0).sum())
    swapped = wilcoxon(sums, 0, 1, higher_is_better=True)
    assert (swapped.a_better, swapped.b_better) == (found.b_better, found.a_better)


def test_what_two_systems_do_not_share_is_named_by_metric_and_condition() -> None:
    scores = pd.DataFrame({"utterance_id": ["a", "b", "c"], "speaker_id": ["s", "t", "u"],
                           "metric": "wer", "condition": "clean", "amount": 1.0, "weight": 2.0,
                           "error": None})
    fact = Fact("%", False, "", is_count=True)
    found = compare_systems(scores, scores[:2], ("x", "y"), fact=fact)
    assert [str(item) for item in found.left_out] == [
        "wer of x against y, clean: 1 utterance left out: no score of one of the two (c)"]
