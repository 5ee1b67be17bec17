from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ManifestError
from evalkit.metrics import verification as speaker
from evalkit.metrics.verification import make_trials, read_trial_list, score_trials


def corpus(*sizes: int) -> pd.DataFrame:
    rows = [(f"s{s}-u{u:04d}", f"s{s}") for s, size in enumerate(sizes) for u in range(size)]
    return pd.DataFrame(rows, columns=["id", "speaker"])


def speaker_of(ids: pd.Series) -> pd.Series:
    return ids.str.split("-").str[0]


sizes = st.lists(st.integers(1, 12), min_size=1, max_size=8)


@settings(deadline=None, max_examples=30)
@given(sizes, st.integers(1, 400), st.integers(0, 5))
def test_trials_are_distinct_true_and_few_enough(sizes, most, seed):
    trials = make_trials(corpus(*sizes), most=most, seed=seed)
    assert len(trials) <= most
    assert (trials["enroll_id"] < trials["test_id"]).all()  # so no self pair, none both ways
    assert not trials.duplicated(["enroll_id", "test_id"]).any()
    same = speaker_of(trials["enroll_id"]) == speaker_of(trials["test_id"])
    assert (trials["label"] == same).all()
    assert trials["label"].dtype == bool


def test_all_pairs_where_they_fit():
    trials = make_trials(corpus(3, 2), most=10, seed=0)
    assert (len(trials), trials["label"].sum()) == (10, 4)


@settings(deadline=None, max_examples=30)
@given(sizes, st.integers(1, 100), st.randoms())
def test_trials_do_not_depend_on_the_order_of_the_corpus(sizes, most, random):
    table = corpus(*sizes)
    order = random.sample(range(len(table)), len(table))
    pd.testing.assert_frame_equal(make_trials(table.iloc[order], most=most, seed=3),
                                  make_trials(table, most=most, seed=3))


def test_seed_decides():
    table = corpus(*[20] * 10)
    assert not make_trials(table, most=500, seed=1).equals(make_trials(table, most=500, seed=2))


@pytest.mark.parametrize(("sizes", "most", "met"), [
    ((20,) * 10, 900, 45), ((15,) * 30, 600, 300), ((5,) * 30, 120, 60)])
def test_every_speaker_contributes_equally(sizes, most, met):
    trials = make_trials(corpus(*sizes), most=most, seed=0)
    assert trials["label"].sum() == most / 2
    for _, kind in trials.groupby("label"):
        taking_part = pd.concat([speaker_of(kind["enroll_id"]), speaker_of(kind["test_id"])])
        counts = taking_part.value_counts()
        assert len(counts) == len(sizes)
        assert counts.min() == counts.max()
    others = trials[~trials["label"]]
    speakers = zip(speaker_of(others["enroll_id"]), speaker_of(others["test_id"]), strict=True)
    assert len({frozenset(pair) for pair in speakers}) == met  # as many pairs as there is room for


def test_a_speaker_with_much_does_not_dominate():
    trials = make_trials(corpus(500, *[10] * 9), most=400, seed=0)
    targets = speaker_of(trials.loc[trials["label"], "enroll_id"]).value_counts()
    assert set(targets) == {20}


def test_more_speakers_than_trials():
    trials = make_trials(corpus(*[2] * 300), most=100, seed=0)
    assert trials["label"].value_counts().to_dict() == {True: 50, False: 50}


def test_a_huge_corpus_is_never_paired_whole():
    trials = make_trials(corpus(*[20_000] * 5), most=2000, seed=0)  # five thousand million pairs
    assert trials["label"].value_counts().to_dict() == {True: 1000, False: 1000}


def test_an_utterance_without_a_speaker_is_named():
    table = corpus(2, 2)
    table.loc[1, "speaker"] = None
    with pytest.raises(ManifestError, match="'s0-u0001'"):
        make_trials(table, most=10, seed=0)


@pytest.mark.parametrize(("text", "form"), [
    ("1 a/x.wav b\n0 a/x.wav c\n", "VoxCeleb"),
    ("\na/x.wav b target\n\na/x.wav\tc  nontarget", "Kaldi"),
])
def test_both_forms_of_trial_lists(tmp_path, text, form):
    path = tmp_path / "trials.txt"
    path.write_text(text)
    trials, found = read_trial_list(path)
    assert found == form
    assert trials.to_numpy().tolist() == [["a/x.wav", "b", True], ["a/x.wav", "c", False]]


@pytest.mark.parametrize(("text", "message"), [
    ("a b\n", "trials.txt:1: expected `1 enrol test`"),
    ("a b yes\n", "trials.txt:1: expected"),
    ("1 a target\n", "trials.txt:1: expected"),  # could be either
    ("1 a b\n2 a c\n", "trials.txt:2: not a trial in the VoxCeleb form"),
    ("a b target\n\n1 a c\n", "trials.txt:3: not a trial in the Kaldi form"),
    ("a b target\na b c target\n", "trials.txt:2: not a trial"),
    ("\n \n", "trials.txt: no trials"),
])
def test_broken_trial_lists_are_named_by_line(tmp_path, text, message):
    path = tmp_path / "trials.txt"
    path.write_text(text)
    with pytest.raises(ManifestError, match=message):
        read_trial_list(path)


def test_unreadable_trial_lists(tmp_path):
    with pytest.raises(ManifestError, match="cannot read the trial list"):
        read_trial_list(tmp_path / "none.txt")
    (tmp_path / "latin").write_bytes("é b target".encode("latin-1"))
    with pytest.raises(ManifestError, match="not UTF-8"):
        read_trial_list(tmp_path / "latin")


def test_scores_are_cosines_whatever_the_block(monkeypatch):
    rng = np.random.default_rng(0)
    table = corpus(10, 10)
    vectors = rng.standard_normal((20, 7)) * rng.uniform(0.1, 9, (20, 1))
    embeddings = pd.DataFrame({"utterance_id": table["id"], "embedding": list(vectors)})
    trials = make_trials(table, most=200, seed=0)
    scored = score_trials(trials, embeddings)
    by_id = dict(zip(table["id"], vectors, strict=True))
    expected = [by_id[a] @ by_id[b] / np.linalg.norm(by_id[a]) / np.linalg.norm(by_id[b])
                for a, b in zip(trials["enroll_id"], trials["test_id"], strict=True)]
    np.testing.assert_allclose(scored["score"], expected, atol=1e-12)
    assert scored["score"].dtype == np.float64
    monkeypatch.setattr(speaker, "BLOCK", 7)
    pd.testing.assert_frame_equal(score_trials(trials, embeddings), scored)


def test_a_trial_without_an_embedding_is_kept_and_failed():
    trials = pd.DataFrame({"enroll_id": ["a"] * 5, "test_id": ["b", "missing", "none", "zero",
                                                              "nan"], "label": True})
    embeddings = pd.DataFrame({"utterance_id": ["a", "b", "none", "zero", "nan"],
                               "embedding": [[1, 0], [3, 4], None, [0, 0], [np.nan, 1]]})
    scores = score_trials(trials, embeddings)["score"]
    assert scores[0] == pytest.approx(0.6)
    assert scores[1:].isna().all() and len(scores) == 5


def test_no_embeddings_at_all():
    nothing = pd.DataFrame({"utterance_id": [], "embedding": []})
    trials = make_trials(corpus(2), most=1, seed=0)
    assert score_trials(trials, nothing)["score"].isna().all()


def test_embeddings_of_two_models_are_refused():
    mixed = pd.DataFrame({"utterance_id": ["a", "b"], "embedding": [[1.0], [1.0, 2.0]]})
    with pytest.raises(ManifestError, match="the embedding of 'b' has not the 1 numbers"):
        score_trials(make_trials(corpus(2), most=1, seed=0), mixed)
