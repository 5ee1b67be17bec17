"""Alignments against jiwer, RapidFuzz and the golden counts of NIST's sclite."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import jiwer
import kaldialign
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from evalkit.core.alignment import (
    OPERATIONS,
    SCLITE_GAP,
    SCLITE_SUBSTITUTION,
    Alignment,
    align,
    count_edits,
)
from evalkit.core.alignments import AT_A_TIME, align_all, count_all
from evalkit.core.errors import ConfigError, RunError, UtteranceError
from evalkit.core.weighted_path import CELLS, NAMES, errors
from evalkit.metrics import tokens as tokens_of

words = st.lists(st.sampled_from("abcd"), max_size=12)
costs_names = st.sampled_from(["levenshtein", "sclite"])


def counts(found: Alignment) -> tuple[int, ...]:
    return tuple(found.edits)


@given(words, words, costs_names)
def test_pairs_reproduce_both_sequences(reference, hypothesis, costs):
    found = align(reference, hypothesis, costs)
    assert [ref for _, ref, _ in found.pairs if ref is not None] == reference
    assert [hyp for _, _, hyp in found.pairs if hyp is not None] == hypothesis
    for operation, ref, hyp in found.pairs:
        assert operation == ("I" if ref is None else "D" if hyp is None
                             else "=" if ref == hyp else "S")


@given(words, words, costs_names)
def test_parts_sum_to_the_whole(reference, hypothesis, costs):
    found = align(reference, hypothesis, costs)
    hits, substitutions, deletions, insertions = edits = found.edits
    assert edits.reference_length == hits + substitutions + deletions == len(reference)
    assert edits.hypothesis_length == hits + substitutions + insertions == len(hypothesis)
    assert edits.errors == substitutions + deletions + insertions
    assert sum(edits) == len(found.pairs)
    assert count_edits(reference, hypothesis, costs) == edits
    assert count_edits("".join(reference), "".join(hypothesis), costs) == edits


@given(*2 * [st.lists(st.sampled_from(["", "\0", "\0\0", "a"]), max_size=6)], costs_names)
def test_tokens_that_are_not_the_same_are_told_apart(reference, hypothesis, costs):
    numbers = {"": "a", "\0": "b", "\0\0": "c", "a": "d"}
    plain = [[numbers[token] for token in tokens] for tokens in (reference, hypothesis)]
    assert align(reference, hypothesis, costs).errors == align(*plain, costs).errors
    assert count_edits(reference, hypothesis, costs) == count_edits(*plain, costs)


@given(st.text(st.one_of(
    st.sampled_from(" \0\t\u3000\u200b\u4e2d\u0e01\u1100a-"), st.characters())))
def test_no_token_of_a_text_is_empty(text):
    """Which alignments of many at once do not look for."""
    for tokens in (tokens_of.words, tokens_of.mixed, tokens_of.characters):
        assert all(tokens(text))


@given(words.filter(len), words)
def test_levenshtein_has_the_counts_of_jiwer(reference, hypothesis):
    peer = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    assert counts(align(reference, hypothesis)) == (
        peer.hits, peer.substitutions, peer.deletions, peer.insertions)


@given(words, words)
def test_sclite_is_as_cheap_as_can_be(reference, hypothesis):
    found = count_edits(reference, hypothesis, "sclite")
    cost = (SCLITE_SUBSTITUTION * found.substitutions
            + SCLITE_GAP * (found.deletions + found.insertions))
    assert cost == Levenshtein.distance(
        reference, hypothesis, weights=(SCLITE_GAP, SCLITE_GAP, SCLITE_SUBSTITUTION))


def test_costs_decide_between_five_substitutions_and_six_gaps():
    assert counts(align("abcde", "defgh")) == (0, 5, 0, 0)
    assert counts(align("abcde", "defgh", "sclite")) == (2, 0, 3, 3)


@pytest.mark.parametrize(("reference", "hypothesis", "operations"), [
    ("", "", ""), ("a b", "", "DD"), ("", "a b", "II"), ("a", "b", "S"), ("a b", "a b", "=="),
    ("a", "a a", "I="), ("a a", "a", "D="),  # sclite meets equal words from the end
    ("a", "b c", "IS"), ("a b", "c", "DS"), ("a b", "b a", "D=I"),
])
def test_ties_are_broken_as_sclite_does(reference, hypothesis, operations):
    found = align(reference.split(), hypothesis.split(), "sclite")
    assert "".join(operation for operation, _, _ in found.pairs) == operations


@given(st.lists(st.text(min_size=1)), st.lists(st.text(min_size=1)), costs_names)
def test_json_gives_the_alignment_back(reference, hypothesis, costs):
    found = align(reference, hypothesis, costs)
    assert Alignment.from_json(found.to_json()) == found


texts = st.lists(st.one_of(st.sampled_from(["a", "b", "", '"', "\\", "\x1f", "\x7f", "\u2028",
                                            "null", "[", "é", "\ud800"]), st.text()), max_size=9)


@given(st.lists(st.tuples(texts, texts)), costs_names)
def test_many_are_aligned_as_one_is(pairs, costs):
    references, hypotheses = ([pair[i] for pair in pairs] for i in (0, 1))
    written, edits = align_all(references, hypotheses, costs)
    assert written == [align(*pair, costs).to_json() for pair in pairs]
    assert [*zip(*(column.tolist() for column in edits), strict=True)] == [
        tuple(align(*pair, costs).edits) for pair in pairs]
    counted = count_all(references, hypotheses, costs)
    assert np.array_equal(counted, edits) and counted.hits.dtype == np.int64


def test_more_are_aligned_than_are_held_at_a_time():
    references = [str(i) for i in range(2 * AT_A_TIME + 1)]
    written, edits = align_all(references, references[::-1])
    assert written == [align(*pair).to_json()
                       for pair in zip(references, references[::-1], strict=True)]
    assert edits.hits.sum() == sum(align(*pair).edits.hits for pair in zip(
        references, references[::-1], strict=True))


@pytest.mark.parametrize("words", [
    [""], ["", ""], ["a", "b"], ["[", "]"], [",", '","'], ['"'], ["a\n", "\u2028"], ["\\"],
    ["\ud800"],
])
def test_hits_alone_are_read_as_a_parser_reads_them(words):
    text = align(words, words).to_json()
    assert Alignment.from_json(text) == Alignment(json.loads(text), json.loads(text), [])
    assert Alignment.from_json(json.dumps(words)).reference == words  # blanks after commas


def test_json_is_compact():
    found = align(["the", "cat", "sat"], ["the", "hat", "sat", "down"])
    assert json.loads(found.to_json()) == ["the", ["cat", "hat"], "sat", [None, "down"]]


@pytest.mark.parametrize("text", [
    "", "{", "1", '["]', '["a",1,"b"]', '["a\n"]', '["a""b"]',
    "null", "[1]", '[["a"]]', '[["a","a"]]', "[[null,null]]", '[["a",1]]',
    '[["a","b","c"]]', "[{}]", "{}", '{"a":1}', '"a"', "[" * 100_000,
])
def test_json_of_something_else_is_refused_in_one_line(text):
    with pytest.raises(RunError, match="not an alignment"):
        Alignment.from_json(text)


def plain_sclite(ref, hyp) -> str:
    """The same choice of path from a whole table of costs, slow and plain."""
    n, m = len(ref), len(hyp)
    cost = [[3 * (i + j) for j in range(m + 1)] for i in range(n + 1)]
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost[i][j] = min(cost[i - 1][j - 1] + 4 * (ref[i - 1] != hyp[j - 1]),
                             cost[i][j - 1] + 3, cost[i - 1][j] + 3)
    i, j, back = n, m, ""
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + 4 * (ref[i - 1] != hyp[j - 1]):
            i, j, back = i - 1, j - 1, ("S" if ref[i - 1] != hyp[j - 1] else "=") + back
        elif j and cost[i][j] == cost[i][j - 1] + 3:
            j, back = j - 1, "I" + back
        else:
            i, back = i - 1, "D" + back
    return back


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([2, 5, 50]),
       st.sampled_from([1, 30, 500, CELLS]), st.randoms())
def test_the_path_of_sclite_is_kept_however_little_of_it_is(n, m, letters, cells, random):
    ref, hyp = (np.array([random.randrange(letters) for _ in range(size)], np.int32)
                for size in (n, m))
    path = plain_sclite(ref, hyp)
    expected = [[NAMES.index(next(name for name, letter in OPERATIONS.items() if letter == step)),
                 sum(each != "I" for each in path[:at]), sum(each != "D" for each in path[:at])]
                for at, step in enumerate(path) if step != "="]
    assert errors(ref, hyp, 4, 3, cells).tolist() == expected


@given(words, words)
def test_sclite_costs_what_kaldialign_says(reference, hypothesis):
    found = count_edits(reference, hypothesis, "sclite")
    peer = kaldialign.edit_distance(reference, hypothesis, sclite_mode=True)
    assert (SCLITE_SUBSTITUTION * found.substitutions
            + SCLITE_GAP * (found.deletions + found.insertions)) == (
        SCLITE_SUBSTITUTION * peer["sub"] + SCLITE_GAP * (peer["del"] + peer["ins"]))


def test_long_utterances_need_little_memory():
    code = """
import resource
from evalkit.core.alignment import align
align("a", "b", "sclite")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ref = [str(i * i % 997) for i in range(9000)]
found = align(ref, [word for i, word in enumerate(ref) if i % 7], "sclite")
assert found.edits.deletions == 1286 and found.edits.hits == 7714, found.edits
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40  # megabytes; a byte for each pair of words is 70


def test_what_costs_nothing_to_know_costs_nothing():
    """No table is filled for two texts that are one, and none is moved for every insertion."""
    started = time.process_time()
    long = [str(i) for i in range(100_000)]
    assert count_edits(long, list(long), "sclite").errors == 0
    found = align(["a"], ["b"] * 200_000)
    assert len(found.pairs) == len(json.loads(found.to_json())) == 200_000
    assert time.process_time() - started < 5


def test_absurd_texts_are_refused_at_once():
    with pytest.raises(UtteranceError, match="TooLong: 200,000 against 200,000 words or char"):
        align("a" * 200_000, "b" * 200_000, "sclite")


def test_unknown_costs_are_named():
    with pytest.raises(ConfigError, match="'nist'; there are levenshtein, sclite"):
        align(["a"], ["a"], "nist")


@pytest.mark.real
@pytest.mark.parametrize(("system", "expected"), [
    ("b1.rnnt_baseline", (1501, 225, 195)),
    ("b2.b1+nnlm", (1084, 187, 196)),
    ("s5.s3+db-nnlm.biasing_100", (751, 160, 131)),
])
def test_counts_of_sclite_on_librispeech(real_data, system, expected):
    folder = real_data / "asr_results" / "librispeech_test-clean"
    references = read_tsv(folder / "ref.tsv")
    hypotheses = read_tsv(folder / f"test-clean.{system}.tsv")
    found = [align(text.split(), hypotheses[key].split(), "sclite")
             for key, text in references.items()]
    assert len(found) == 2620
    assert tuple(sum(column) for column in zip(*(counts(a)[1:] for a in found),
                                               strict=True)) == expected


def read_tsv(path) -> dict[str, str]:
    """Texts by id; a line without a tab is an empty text."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {key: text for key, _, text in (line.partition("\t") for line in lines)}
