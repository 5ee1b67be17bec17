"""References that may be said in several ways: against all of their readings, one by one."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evalkit
from evalkit.core.alignment import count_edits
from evalkit.core.errors import ConfigError, ManifestError, UtteranceError
from evalkit.core.text import one_of
from evalkit.core.types import Hypothesis, Output, Utterance
from evalkit.metrics.global_mapping import read_mapping
from evalkit.metrics.normalisers import normaliser
from evalkit.metrics.readings import MOST_READINGS
from evalkit.metrics.tokens import characters, mixed, words
from evalkit.metrics.words import CharacterErrors, MixedErrors, WordErrors
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit as command

WORDS = ["a", "b", "cc", "two", "twenty", "A-b", "uh!", "二", "字"]
plain = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
hypotheses = st.lists(st.sampled_from(WORDS), max_size=7).map(" ".join)


def _choice(texts):
    """A notation and the readings that it stands for: of a choice, or of a word that may miss."""
    either = st.lists(texts, min_size=2, max_size=3).map(lambda each: (
        "{ " + " / ".join(text for text, _ in each) + " }",
        [reading for _, readings in each for reading in readings]))
    missing = st.sampled_from(WORDS).map(lambda word: (f"({word})", [word, ""]))
    return either | missing


simple = plain.map(lambda text: (text, [text])) | st.just(("@", [""]))
references = st.lists(
    plain.map(lambda text: (text, [text])) | _choice(simple) | _choice(_choice(simple)),
    max_size=4).map(lambda parts: (
        " ".join(text for text, _ in parts),
        [" ".join(filter(None, each)) for each in product(*(found for _, found in parts))])
).filter(lambda reference: len(reference[1]) <= MOST_READINGS)  # more are refused


def measured(metric, reference: str, hypothesis: str):
    return metric.measure(Utterance("u", text=reference), Output(hypothesis=Hypothesis(hypothesis)))


@settings(deadline=None, max_examples=60)
@given(references, hypotheses, st.sampled_from(["none", "basic", "whisper_english"]),
       st.sampled_from([(WordErrors, words), (CharacterErrors, characters), (MixedErrors, mixed)]))
def test_the_best_of_all_readings_counts(reference, hypothesis, name, kind) -> None:
    text, expansions = reference
    metric, unit = kind
    metric = (WordErrors(name, unit="space", alternatives=True) if metric is WordErrors
              else metric(name, alternatives=True))
    rules, heard = normaliser(name), unit(normaliser(name)(hypothesis))
    single = {(edits.errors, edits.reference_length) for each in expansions
              for edits in [count_edits(unit(rules(each)), heard)]}
    found = measured(metric, text, hypothesis)[metric.name]
    assert (found.amount, found.weight) in single
    assert found.amount == min(errors for errors, _ in single)


@settings(deadline=None, max_examples=30)
@given(references, hypotheses)
def test_costs_of_sclite_are_least_too(reference, hypothesis) -> None:
    text, expansions = reference
    costs = []
    for each in expansions:
        edits = count_edits(each.split(), hypothesis.split(), "sclite")
        costs.append(4 * edits.substitutions + 3 * (edits.deletions + edits.insertions))
    metric = WordErrors("none", "sclite", alternatives=True, unit="space")
    found = measured(metric, text, hypothesis)
    assert min(costs) == round(4 * found["wer.substitutions"].amount + 3 * (
        found["wer.deletions"].amount + found["wer.insertions"].amount))


@pytest.mark.parametrize(("reference", "hypothesis", "errors", "length"), [
    ("i've { um / uh / @ } as far", "i've as far", 0, 3),
    ("i've { um / uh / @ } as far", "i've uh as far", 0, 4),
    ("{ cannot / can not }", "can", 1, 2),  # one error in either: the reading with more hits
    ("b (c) d", "b e", 1, 2), ("(you know) it", "know it", 0, 2), ("{ a / b }, c", "b , c", 0, 3),
    ("and/or word(s) {a / b}", "and/or word(s) a", 0, 3), ("{ a / { b / c } d }", "c d", 0, 2)])
def test_what_the_notation_means(reference, hypothesis, errors, length) -> None:
    found = measured(WordErrors("none", alternatives=True), reference, hypothesis)["wer"]
    assert (found.amount, found.weight) == (errors, length)


def test_braces_are_text_unless_alternatives_are_asked_for() -> None:
    text, heard = "turn { left / right } (now)", "turn right"
    for name in ("none", "basic"):
        rules = normaliser(name)
        peer = jiwer.process_words(rules(text), rules(heard))
        assert measured(WordErrors(name), text, heard)["wer"].amount == (
            peer.substitutions + peer.deletions + peer.insertions)
    assert "reading" not in WordErrors().facts["wer"].definition
    assert "reading" in WordErrors(alternatives=True).facts["wer"].definition
    assert WordErrors().version != WordErrors(alternatives=True).version


@pytest.mark.parametrize("text", ["{ a / b", "a } b", "( a", "{ a ( b }", "{uh/@} a", "{ " * 100])
def test_braces_without_a_partner_are_a_failure(text: str) -> None:
    with pytest.raises(UtteranceError) as caught:
        measured(WordErrors(alternatives=True), text, "a")
    assert caught.value.kind == "BadAlternatives"


def test_a_thousand_alternatives_do_not_explode() -> None:
    text = " ".join(f"{{ a{i} / b{i} / @ }}" for i in range(1000))
    heard = " ".join(f"b{i}" for i in range(0, 1000, 2))
    found = measured(WordErrors(alternatives=True), text, heard)["wer"]
    assert (found.amount, found.weight) == (0, 500)
    with pytest.raises(UtteranceError, match="256 texts"):
        measured(WordErrors("whisper_english", alternatives=True), text, heard)
    with pytest.raises(UtteranceError, match="too many to compare"):
        measured(WordErrors(alternatives=True), " ".join([text] * 20), " ".join([heard] * 5))


GLM = """;; mapping
* name "x.glm"
* format = 'NIST1'
* case_sensitive = 'F'
UH   => (%HESITATION) / [ ] __ [ ] ;; a filler
[CANNOT] => [CAN NOT]
ANALYSE => analyze
[A B] => [C] / [x ] __ [ ]
;; INPUT_DEPENDENT_APPLICATION = "hyp"
[HE'S] => [{HE IS / HE HAS}] / [ ] __ [ ]
"""


def test_a_global_mapping_file_rewrites_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "en.glm"
    path.write_text(GLM)
    mapping = read_mapping(path)
    assert mapping("uh UH he's cannot analysed", "ref") == (
        " (%HESITATION) (%HESITATION) he's CAN NOT analyzed ".replace("%", "%"))
    assert mapping("x a b  a b", "ref") == " x C a b "
    metric = WordErrors(glm=path)
    for reference, hypothesis, errors, length in [
            ("he has gone", "he's gone", 0, 3), ("he is here", "uh he's here", 0, 3),
            ("uh i cannot go", "i can not go", 0, 4), ("uh i go", "uh i go", 0, 3),
            ("he's gone", "he's gone", 2, 2), ("go { left / right } (now)", "go {right}", 2, 4)]:
        found = measured(metric, reference, hypothesis)["wer"]
        assert (found.amount, found.weight) == (errors, length), (reference, hypothesis)
    asked = WordErrors(glm=path, alternatives=True)
    found = measured(asked, "uh go { left / right } (now)", "go {right}")["wer"]
    assert (found.amount, found.weight) == (0, 2)
    assert mapping.digest in metric.version and metric.version != asked.version


@pytest.mark.parametrize(("line", "said"), [
    ("hello", ":2: no rule"), ("=> x", ":2: no rule"), ("[  ] => x", ":2: no rule"),
    ("", "holds no rule"), ("* case_sensitive = 'T'", "holds no rule"),
    ("a => {b}", ":2: makes braces with one alternative"), ("a => [{b / c]", ":2: makes a '}'"),
    ("a => b (c", ":2: makes a '\\)' is missing"), ("* COPY_NO_HIT = 'F'", "COPY_NO_HIT"),
    (';; INPUT_DEPENDENT_APPLICATION = "rttm"', ":2: rules for 'rttm'")])
def test_bad_global_mapping_files_are_refused(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "bad.glm"
    path.write_text(f";;\n{line}\n")
    with pytest.raises(ConfigError, match=said):
        WordErrors(glm=path)


def test_rules_as_nist_writes_them_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "nist.glm"
    path.write_text("[WEBSTER'S]  =>  [{WEBSTER'S / WEBSTER IS}\nRECURSE => {RE CURSE/RECUR}\n")
    for heard in ("webster is", "webster's", "recur", "re curse", "recurse"):
        said = "recurse" if "cur" in heard else "webster's"
        assert measured(WordErrors(glm=path), said, heard)["wer"].amount == 0, heard


def test_alternatives_that_metrics_would_not_know_of_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"id": "u", "text": ["a", "b"]}\n')
    (tmp_path / "eval.yaml").write_text(
        "corpus: {reader: jsonl, path: m.jsonl, alternatives: true}\nmetrics: [wer]\n"
        "pipelines: [{name: a, recognizer: {name: precomputed, path: m.jsonl}}]\n")
    with pytest.raises(ConfigError, match=r"corpus\.alternatives: .* beside `corpus`, not in it"):
        evalkit.run(tmp_path / "eval.yaml", tmp_path / "run")


def test_several_references_in_columns_lists_and_trn(tmp_path: Path) -> None:
    """One text in four forms gives the same counts."""
    rows = [("u1", ["turn the light on", "turn on the light"], "turn on the light"),
            ("u2", ["twenty"], "20"), ("u3", ["colour", "color"], "collar")]
    (tmp_path / "wide.csv").write_text("id,ref,ref2,hyp,speaker\n" + "".join(
        f"{i},{','.join((refs * 2)[:2] if len(refs) > 1 else [refs[0], ''])},{hyp},s\n"
        for i, refs, hyp in rows))
    (tmp_path / "lists.jsonl").write_text("".join(json.dumps(
        {"id": i, "ref": refs, "hyp": hyp, "speaker": "s"}) + "\n" for i, refs, hyp in rows))
    (tmp_path / "ref.trn").write_text("".join(
        f"{one_of(refs)} ({i})\n" for i, refs, _ in rows))
    (tmp_path / "hyp.trn").write_text("".join(f"{hyp} ({i})\n" for i, _, hyp in rows))
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(
        {"id": i, "text": refs, "speaker": "s"}) + "\n" for i, refs, _ in rows))
    done = command("score", "wide.csv", "--ref", "ref", "--ref", "ref2", "-o", "wide",
                   "--workers", "0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    heard = {"a": tmp_path / "hyp.trn"}
    runs = [RunFolder(tmp_path / "wide"),
            evalkit.score_tables({"a": tmp_path / "lists.jsonl"}, tmp_path / "l",
                                 alternatives=True),
            evalkit.score_tables({"ref": tmp_path / "ref.trn"}, tmp_path / "trn", hypotheses=heard,
                                 alternatives=True),
            evalkit.score(tmp_path / "m.jsonl", heard, tmp_path / "m", alternatives=True)]
    runs.append(evalkit.rescore(tmp_path / "m", costs="sclite"))
    asr = "pipelines: [{name: a, recognizer: {name: precomputed, path: hyp.trn}}]\nmetrics: [wer]\n"
    (tmp_path / "one.yaml").write_text(
        "alternatives: true\ncorpus: {reader: jsonl, path: lists.jsonl, text: ref}\n" + asr)
    (tmp_path / "two.yaml").write_text(
        "corpora:\n  a: {reader: jsonl, path: lists.jsonl, text: ref, alternatives: true}\n"
        "  b: {path: m.jsonl, alternatives: true}\n" + asr)
    runs.append(evalkit.run(tmp_path / "one.yaml", tmp_path / "one"))
    runs += evalkit.run_corpora(tmp_path / "two.yaml", tmp_path / "two").values()
    assert len(runs) == 8
    for run in runs:
        scores = run.scores()
        wer = scores[scores["metric"] == "wer"].set_index("utterance_id")[["amount", "weight"]]
        assert wer.loc[["u1", "u2", "u3"]].to_numpy().tolist() == [[0, 4], [1, 1], [1, 1]], run.path
        assert run.record().config.alternatives
        assert "reading" in run.record().metrics["wer"].definition
    with pytest.raises(ManifestError, match="--alternatives"):
        evalkit.score_tables({"ref": tmp_path / "ref.trn"}, tmp_path / "x", hypotheses=heard)
    with pytest.raises(ManifestError, match="--alternatives"):
        evalkit.score_tables({"a": tmp_path / "lists.jsonl"}, tmp_path / "x")


def test_two_systems_may_be_compared_with_different_readings(tmp_path: Path) -> None:
    """Each with the one that fits it; such an utterance is one segment of the matched pairs."""
    rows = [("{ cannot / can not } go home", "can not go hole", "cannot go home")] * 4
    (tmp_path / "t.csv").write_text("id,ref,a,b,speaker\n" + "".join(
        f"u{i},{','.join(row)},s{i % 2}\n" for i, row in enumerate(rows)))
    evalkit.score_tables({"t": tmp_path / "t.csv"}, tmp_path / "run", alternatives=True,
                         columns={"hypotheses": {"a": "a", "b": "b"}}, metrics=["wer"])
    pairs, = (each.matched_pairs for each in evalkit.systems(tmp_path / "run"))
    assert (pairs.segments, pairs.errors_a, pairs.errors_b, pairs.words) == (4, 4, 0, 16)
