"""Word metrics against jiwer, by law, and against published counts."""

from __future__ import annotations

import csv
import re

import jiwer
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Hypothesis, Measurement, Output, Utterance
from evalkit.metrics.words import CharacterErrors, MixedErrors, WordErrors
from evalkit.store.scores import summarise, with_derived
from tests.test_alignment import read_tsv

sentences = st.lists(st.sampled_from(["a", "b", "cc", "d"]), max_size=8).map(" ".join)
corpora = st.lists(st.tuples(sentences, sentences), min_size=1, max_size=6)


def measure(metric, reference, hypothesis):
    output = Output(hypothesis=None if hypothesis is None else Hypothesis(hypothesis))
    return metric.measure(Utterance("u", text=reference), output)


def pooled(metric, pairs) -> dict[str, float]:
    """Values of a corpus of (reference, hypothesis), by the scores table."""
    rows = [{"utterance_id": str(i), "speaker_id": "s", "metric": name, "amount": m.amount,
             "weight": m.weight, "error": None}
            for i, pair in enumerate(pairs) for name, m in measure(metric, *pair).items()]
    table = with_derived(summarise(pd.DataFrame(rows), ["metric"]), metric.facts, ["metric"])
    return dict(table.set_index("metric")["value"])


@settings(deadline=None, max_examples=40)
@given(corpora)
def test_pooled_word_measures_are_those_of_jiwer(pairs):
    references, hypotheses = (list(side) for side in zip(*pairs, strict=True))
    assume(any(references))
    peer, ours = jiwer.process_words(references, hypotheses), pooled(WordErrors("none"), pairs)
    for name in ("wer", "mer", "wip", "wil"):
        assert ours[name] == pytest.approx(getattr(peer, name), abs=1e-12), name
    total = sum(len(r.split()) for r in references)
    for name in ("hits", "substitutions", "deletions", "insertions"):
        assert ours[f"wer.{name}"] * total == pytest.approx(getattr(peer, name))


@settings(deadline=None, max_examples=40)
@given(corpora)
def test_pooled_character_error_rate_is_that_of_jiwer(pairs):
    references, hypotheses = (list(side) for side in zip(*pairs, strict=True))
    assume(any(references))
    peer = jiwer.process_characters(references, hypotheses)
    assert pooled(CharacterErrors("none"), pairs)["cer"] == pytest.approx(peer.cer)


@given(sentences, sentences, st.sampled_from(["levenshtein", "sclite"]))
def test_parts_sum_to_the_whole(reference, hypothesis, costs):
    for metric in (WordErrors("none", costs), CharacterErrors("none", costs)):
        found = measure(metric, reference, hypothesis)
        parts = [found[f"{metric.name}.{part}"]
                 for part in ("substitutions", "deletions", "insertions")]
        assert sum(part.amount for part in parts) == found[metric.name].amount
        assert {part.weight for part in parts} == {found[metric.name].weight}


@given(sentences, sentences)
def test_basic_does_not_see_case_punctuation_and_spacing(reference, hypothesis):
    metric = WordErrors("basic")
    shouted = "\u00a0" + hypothesis.upper().replace(" ", ", \u2003") + "!"
    assert measure(metric, reference, shouted) == measure(metric, reference, hypothesis)


@settings(deadline=None, max_examples=40)
@given(corpora, st.randoms())
def test_pooling_does_not_depend_on_order_or_grouping(pairs, random):
    assume(any(reference for reference, _ in pairs))
    shuffled = random.sample(pairs, len(pairs))
    assert pooled(WordErrors(), shuffled)["wer"] == pytest.approx(
        pooled(WordErrors(), pairs)["wer"])


def test_corpus_rate_is_not_the_mean_of_rates():
    pairs = [("a", "b"), ("a b c d", "a b c d"), ("a b c d e", "a b c d e")]
    assert pooled(WordErrors(), pairs)["wer"] == pytest.approx(1 / 10)


@pytest.mark.parametrize("hypothesis", ["I don\u2019t know", "I\u00a0don't know"])
def test_nbsp_and_curly_apostrophes_are_no_errors(hypothesis):
    assert measure(WordErrors("basic"), "I don't know", hypothesis)["wer"] == Measurement(0, 3)
    assert jiwer.wer("I don't know", hypothesis) > 0  # what the plain tool says


def test_empty_reference_counts_in_the_pool_and_alone_is_undefined():
    found = measure(WordErrors(), "", "x y z")
    assert found["wer"] == found["wer.insertions"] == Measurement(3, 0)
    assert found["hallucination"] == Measurement(1)
    alone = pooled(WordErrors(), [("", "x y z")])
    assert np.isnan(alone["wer"]) and np.isnan(alone["wip"]) and alone["mer"] == 1
    assert pooled(WordErrors(), [("", "x y z"), ("a b", "a b")])["wer"] == 1.5


def test_hallucination_is_about_empty_references_only():
    pairs = [("", "x"), ("", ""), ("[noise]", ""), ("a", "b c d")]
    assert "hallucination" not in measure(WordErrors(), "a", "b c d")
    assert pooled(WordErrors("whisper_english"), pairs)["hallucination"] == pytest.approx(1 / 3)


def test_normalising_can_empty_a_reference():
    assert measure(WordErrors("whisper_english"), "uh", "yes")["wer"] == Measurement(1, 0)


def test_empty_hypothesis_deletes_everything():
    values = pooled(WordErrors(), [("a b", ""), ("c", "")])
    assert (values["wer"], values["wer.deletions"], values["mer"]) == (1, 1, 1)
    assert (values["wip"], values["wil"]) == (0, 1)  # as in jiwer; precision is undefined
    assert np.isnan(values["wer.precision"])


def test_missing_text_is_a_failure_not_an_empty_text():
    for metric in (WordErrors(), CharacterErrors()):
        with pytest.raises(UtteranceError, match="NoReference"):
            measure(metric, None, "a")
        with pytest.raises(UtteranceError, match="NoHypothesis"):
            measure(metric, "a", None)


def test_characters_include_the_space_between_words():
    assert measure(CharacterErrors("none"), "a  b", "ab")["cer.deletions"] == Measurement(1, 3)
    assert measure(CharacterErrors(), "हिन्दी", "हिन्दि")["cer"] == Measurement(1, 6)


@pytest.mark.parametrize("metric", [WordErrors(), CharacterErrors(), MixedErrors()])
def test_facts_cover_what_is_measured(metric):
    assert metric.needs == {"text", "hypothesis"}
    measured = measure(metric, "", "a") | measure(metric, "a", "a")
    derived = {name: fact.derived for name, fact in metric.facts.items() if fact.derived}
    assert set(measured) == set(metric.facts) - set(derived)
    assert set(derived) == ({"wip", "wil"} if metric.name == "wer" else set())
    assert {part for rule in derived.values() for part in rule.of} <= set(measured)
    assert all(fact.unit == "%" and fact.definition for fact in metric.facts.values())


def test_version_tells_normaliser_and_costs():
    versions = {WordErrors(name, costs).version for name in ("none", "basic", "whisper_english")
                for costs in ("levenshtein", "sclite")}
    assert len(versions) == 6


SCRIPTS = [
    ("Han", "你好，世界", "你好世间", 1, 4),
    ("kana", "きょうは天気です。", "きょうは天気だす", 1, 8),
    ("Thai", "สวัสดีครับ", "สวัสดีครัด", 1, 10),
    ("Lao", "ສະບາຍດີ", "ສະບາຍດ", 1, 7),
    ("Khmer", "សួស្តី", "សួស្តា", 1, 6),
    ("Burmese", "မင်္ဂလာပါ", "မင်္ဂလာပ", 1, 9),
    ("Tibetan", "བཀྲ་ཤིས", "བཀྲ་ཤི", 1, 6),
    ("bopomofo", "ㄅㄆㄇ", "ㄅㄇ", 1, 3),
]


@pytest.mark.parametrize(("script", "reference", "hypothesis", "errors", "units"), SCRIPTS)
def test_writing_without_spaces_has_no_word_error_rate_by_spaces(
        script, reference, hypothesis, errors, units):
    with pytest.raises(UtteranceError, match=f"NoWords: {script} writing does not part words"):
        measure(WordErrors(), reference, hypothesis)
    assert measure(WordErrors(unit="space"), reference, hypothesis)["wer"].amount > 0
    found = measure(MixedErrors(), reference, hypothesis)["mixed_error_rate"]
    assert (found.amount, found.weight) == (errors, units)
    spaced = " ".join(reference), " ".join(hypothesis)
    for metric in (MixedErrors("none"), CharacterErrors("none")):
        assert measure(metric, *spaced) == measure(
            metric, reference.replace(" ", ""), hypothesis.replace(" ", ""))


@pytest.mark.parametrize(("reference", "hypothesis", "errors", "units"), [
    ("我love你", "我 love 她", 1, 3),
    ("请打开 Wi-Fi 设置", "请打开wifi设置", 2, 7),
    ("2023年的plan", "2023年的plans", 1, 4),
    ("今日はOKです", "今日はOKでした", 2, 6),
    ("안녕 하세요 여러분", "안녕 하세요", 1, 3),
    ("xin chào các bạn", "xin chao các bạn", 1, 4),
    ("hello world", "hello", 1, 2),
])
def test_mixed_error_rate_counts_characters_of_such_writing_and_words_of_other(
        reference, hypothesis, errors, units):
    found = measure(MixedErrors(), reference, hypothesis)["mixed_error_rate"]
    assert (found.amount, found.weight) == (errors, units)


@given(st.text(st.sampled_from("你好世界のテ ab")), st.text(st.sampled_from("你好世界のテ ab")))
def test_mixed_error_rate_is_jiwers_with_spaces_around_the_characters(reference, hypothesis):
    parted = [re.sub("([你好世界のテ])", r" \1 ", text) for text in (reference, hypothesis)]
    assume(parted[0].split())
    found = measure(MixedErrors("none"), reference, hypothesis)["mixed_error_rate"]
    words = jiwer.process_words(*(" ".join(text.split()) for text in parted))
    assert found.amount / found.weight == pytest.approx(words.wer)


@given(sentences, sentences)
def test_mixed_error_rate_of_parted_words_is_the_word_error_rate(reference, hypothesis):
    assert (measure(MixedErrors(), reference, hypothesis)["mixed_error_rate"]
            == measure(WordErrors(), reference, hypothesis)["wer"])


def test_what_is_heard_in_another_script_counts_against_words():
    assert measure(WordErrors(), "thank you", "谢谢 观看")["wer"] == Measurement(2, 2)
    assert measure(WordErrors(), "", "谢谢观看")["hallucination"] == Measurement(1)


def test_texts_that_cannot_be_aligned_are_failures():
    with pytest.raises(UtteranceError, match="TooLong"):
        measure(CharacterErrors("none", "sclite"), "a" * 200_000, "b" * 200_000)


def test_misspelt_options_are_refused():
    assert create("metrics", "wer", {"normaliser": "none"}) == WordErrors("none")
    for options, message in (({"normaliser": "wisper"}, "no text normaliser 'wisper'"),
                             ({"costs": "nist"}, "costs: must be 'levenshtein' or"),
                             ({"normalizer": "basic"}, "has no option 'normalizer'")):
        with pytest.raises(ConfigError, match=message):
            create("metrics", "wer", options)


@pytest.mark.real
@pytest.mark.parametrize("system", ["b1.rnnt_baseline", "b2.b1+nnlm", "s5.s3+db-nnlm.biasing_100"])
def test_librispeech_counts_are_the_authors(real_data, system):
    folder = real_data / "asr_results" / "librispeech_test-clean"
    references = read_tsv(folder / "ref.tsv")
    hypotheses = read_tsv(folder / f"test-clean.{system}.tsv")
    result = (folder / f"test-clean.{system}.tsv.result").read_text(encoding="utf-8")
    published = {key: float(value) for key, value in
                 re.findall(r"(\w+)=([\d.]+)", result.splitlines()[0])}
    metric = WordErrors("none", "sclite")
    found = [measure(metric, text, hypotheses[key]) for key, text in references.items()]
    total = {name: sum(f[name].amount for f in found) for name in found[0]}
    words = sum(f["wer"].weight for f in found)
    assert (words, total["wer.substitutions"], total["wer.insertions"], total["wer.deletions"]) == (
        published["ref_words"], published["subs"], published["ins"], published["dels"])
    assert 100 * total["wer"] / words == pytest.approx(published["error_rate"], abs=1e-12)


@pytest.mark.real
def test_svarah_counts_of_all_2000_rows_from_raw_and_normalised_texts(real_data):
    table = pd.read_csv(real_data / "asr_results" / "svarah_10systems" / "per_utterance.csv",
                        keep_default_na=False)
    assert len(table) == 2000
    parts = ["hits", "substitutions", "deletions", "insertions"]
    for name, columns in (("whisper_english", ("raw_reference", "raw_hypothesis")),
                          ("none", ("normalized_reference", "normalized_hypothesis"))):
        metric = WordErrors(name)
        for row in table.to_dict("records"):
            found = measure(metric, *(row[column] for column in columns))
            assert [found[f"wer.{part}"].amount for part in parts] == [row[p] for p in parts], row


@pytest.mark.real
@pytest.mark.parametrize(("system", "rate"), [
    ("nvidia_nemo", 0.442947), ("whisper_medium", 0.273173), ("whisper_small", 0.342553)])
def test_afrispeech_rates_are_the_published_ones(real_data, system, rate):
    path, = (real_data / "asr_results" / "afrispeech_dev").glob(f"*{system}*.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2872
    found = [measure(WordErrors("none"), row["reference"], row["prediction"])["wer"]
             for row in rows]
    for row, score in zip(rows, found, strict=True):
        assert score.amount / score.weight == pytest.approx(float(row["wer"]), abs=1e-9)
    assert sum(s.amount for s in found) / sum(s.weight for s in found) == pytest.approx(
        rate, abs=5e-7)
