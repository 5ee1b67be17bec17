"""Error rates of the words of a list: against jiwer's alignment and the authors' rule, by law, and
against their published scores, through the command line."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import jiwer
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import evalkit
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Hypothesis, Measurement, Output, Utterance
from evalkit.metrics.listed_words import ListedWords
from evalkit.metrics.words import WordErrors
from evalkit.store.manifest import write_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit as command

PARTS = ("hits", "substitutions", "deletions", "insertions")
sentences = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=8).map(" ".join)


def measure(metric, reference: str, hypothesis: str, **metadata: object):
    return metric.measure(Utterance("u", text=reference, metadata=metadata),
                          Output(hypothesis=Hypothesis(hypothesis)))


def amounts(measured, name: str) -> dict[str, float]:
    return {part: measured[f"{name}.{part}"].amount for part in PARTS}


def by_the_authors_rule(reference: str, hypothesis: str, biasing: set[str]
                        ) -> dict[bool, Counter[str]]:
    """Of a word that is in the list and of all others: what jiwer's alignment makes of them."""
    peer = jiwer.process_words(reference, hypothesis)
    said, heard = peer.references[0], peer.hypotheses[0]
    counts = {True: Counter(), False: Counter()}
    for chunk in peer.alignments[0]:
        of = (heard[chunk.hyp_start_idx:chunk.hyp_end_idx] if chunk.type == "insert" else
              said[chunk.ref_start_idx:chunk.ref_end_idx])
        for word in of:
            counts[word in biasing][chunk.type] += 1
    return counts


@settings(deadline=None, max_examples=100)
@given(sentences, sentences, st.sets(st.sampled_from("abcd"), min_size=1))
def test_each_list_counts_by_the_authors_rule(tmp_path_factory, reference, hypothesis, biasing):
    assume(reference)
    path = tmp_path_factory.mktemp("list") / "words"
    path.write_text("\n".join(sorted(biasing)))
    rare = set(reference.split()) - biasing  # that is the utterance's list where common words are
    for metric, listed in ((ListedWords(list=path), biasing), (ListedWords(common=path), rare),
                           (ListedWords(key="words"), biasing)):
        found = measure(metric, reference, hypothesis, words=" ".join(biasing))
        counts = by_the_authors_rule(reference, hypothesis, listed)
        for name, of in (("b_wer", counts[True]), ("u_wer", counts[False])):
            assert amounts(found, name) == dict(zip(PARTS, (
                of["equal"], of["substitute"], of["delete"], of["insert"]), strict=True))
            said = of.total() - of["insert"]
            assert found[name] == Measurement(of.total() - of["equal"], said)


@given(sentences, sentences, st.lists(sentences.filter(bool), max_size=3),
       st.sampled_from(["levenshtein", "sclite"]))
def test_listed_and_other_words_add_up_to_all(reference, hypothesis, phrases, costs):
    whole = measure(WordErrors("none", costs), reference, hypothesis)
    found = measure(ListedWords("none", costs, key="k"), reference, hypothesis,
                    k=json.dumps(phrases))
    for part in ("", *(f".{part}" for part in PARTS)):
        listed, others, all_words = (found["b_wer" + part], found["u_wer" + part],
                                     whole["wer" + part])
        assert listed.amount + others.amount == all_words.amount
        assert listed.weight + others.weight == all_words.weight


def test_a_phrase_is_listed_where_all_of_it_stands(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("The Rolling  Stones!\r\n\nLamp\n—\nstones rolling\n")
    metric = ListedWords(list=tmp_path / "names.txt")
    found = measure(metric, "play the rolling stones on the lamp", "play the rolling stone on a")
    assert found["b_wer"] == Measurement(2, 4)   # stones, and the lamp, which is not in it
    assert found["u_wer"] == Measurement(1, 3)   # play on the: this "the" is of no phrase
    inserted = measure(metric, "play", "play the the rolling stones")
    assert inserted["b_wer.insertions"].amount == 3 and inserted["u_wer.insertions"].amount == 1


def test_words_of_the_list_are_normalised_as_the_texts_are(tmp_path: Path) -> None:
    (tmp_path / "w").write_text("\ufeffTURNER’S\nColour\n", encoding="utf-8")
    for normaliser, n in (("none", 0), ("basic", 2), ("whisper_english", 3)):
        metric = ListedWords(normaliser, list=tmp_path / "w")
        found = measure(metric, "turner's colour color", "")
        assert found["b_wer"].weight == n + (normaliser == "whisper_english"), normaliser
    assert create("metrics", "b_wer", {"list": str(tmp_path / "w")}).version != metric.version


def test_words_of_the_list_are_rewritten_as_the_texts_are(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("cannot\nhe's\n")
    (tmp_path / "en.glm").write_text("CANNOT => CAN NOT / [ ] __ [ ]\n[HE'S] => [{HE IS / HE HAS}] "
                                     "/ [ ] __ [ ]\nZ => {a / b}\n")
    metric = ListedWords(list=tmp_path / "list.txt", glm=tmp_path / "en.glm")
    found = measure(metric, "he has it cannot go", "he has it can go")["b_wer"]
    assert (found.amount, found.weight) == (1, 4)
    own = ListedWords(key="own", glm=tmp_path / "en.glm")
    with pytest.raises(UtteranceError, match="TooManyReadings"):
        measure(own, "a", "a", own=f'["{"z " * 20}"]')


def test_other_words_in_the_file_are_another_version(tmp_path: Path) -> None:
    for name, words in (("a", "on"), ("b", "off")):
        (tmp_path / name).write_text(words)
    a, b, a_too = (ListedWords(**given) for given in (
        {"list": tmp_path / "a"}, {"list": tmp_path / "b"}, {"list": tmp_path / "a"}))
    assert a.version == a_too.version != b.version


LONG = "x " * 51
BAD_FILES = {
    b"": ": holds no word", b"\n \n---\n": ": holds no word", b"\xff\xfe": ": is no text in UTF-8",
    b"on\noff\t3\n": ":2: a tab", LONG.encode(): ":1: a phrase of more than 50 words",
    b"x" * 1001: ":1: a phrase of more than"}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.items(), ids=BAD_FILES.values())
def test_a_bad_list_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "words").write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path / 'words'}{message}")) as refused:
        create("metrics", "b_wer", {"list": str(tmp_path / "words")})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("options", "message"), [
    ({}, "say one of list: FILE"), ({"key": "k", "list": "x"}, "say one of list: FILE"),
    ({"common": "gone"}, "gone: cannot read the list of words: No such file"),
    ({"list": "/dev/zero"}, "list of words"), ({"list": "."}, "list of words"),
    ({"key": "k", "label": "a b"}, "cannot be part of a name"),
    ({"words": "k"}, "has no option 'words'; it takes normaliser"),
])
def test_options_that_do_not_fit_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create("metrics", "b_wer", options)


@pytest.mark.parametrize("given", ["[1]", "[on", '["on", ["off"]]', "[" * 5000,
                                   json.dumps(["x " * 51])])
def test_a_bad_list_of_an_utterance_is_its_failure(given: str) -> None:
    with pytest.raises(UtteranceError, match="BadList: k: "):
        measure(ListedWords(key="k"), "on", "on", k=given)


def test_writing_without_words_is_not_measured() -> None:
    with pytest.raises(UtteranceError, match="NoWords"):
        measure(ListedWords(key="k"), "你好", "你好", k="你好")


TEXTS = {"u1": "turn on the lamp", "u2": "play the rolling stones", "u3": "stop"}
HEARD = {"u1": "turn on the lamb", "u2": "play rolling stones", "u3": "stop lamp"}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A corpus whose utterances have lists of their own, and what was heard."""
    lists = {"u1": ["lamp", "fan"], "u2": ["The Rolling Stones"], "u3": None}
    write_manifest(tmp_path / "m.jsonl", [
        {"id": name, "text": text, "speaker": name, "names": lists[name], "one": "lamp stones"}
        for name, text in TEXTS.items()])
    (tmp_path / "v").write_text("".join(f"{name} {text}\n" for name, text in HEARD.items()))
    (tmp_path / "names.txt").write_text("lamp\nrolling stones\n")
    return tmp_path


def values(run: Path) -> dict[str, float]:
    return {row.metric: row.value for row in RunFolder(run).summary().scores}


def test_lists_on_the_command_line(desk: Path, tmp_path: Path, monkeypatch) -> None:
    done = command("score", "-m", "m.jsonl", "-y", "v", "-o", "run", "--metric", "wer",
                   "--metric", "b_wer:list=names.txt", "--metric", "b_wer:key=names,label=own",
                   "--metric", "b_wer:key=one,label=texts", "--workers", "0", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert ("note: 1 of 3 utterances have no list under 'names'; none of their words is of the "
            "list for b_wer_own") in done.stderr
    found = values(desk / "run")
    assert found["b_wer"] == 2 / 3 and found["u_wer"] == 1 / 6     # lamp, an inserted lamp
    assert found["b_wer_own"] == 2 / 4 and found["u_wer_own"] == 1 / 5
    assert found["b_wer_texts"] == 2 / 2 and found["u_wer_texts"] == 1 / 7
    fact = RunFolder(desk / "run").record().metrics["b_wer"]
    assert "names.txt" in fact.definition and str(desk) not in fact.definition
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # the run knows where the list is
    evalkit.rescore(desk / "run", normaliser="none")
    assert values(desk / "run")["b_wer"] == 2 / 3


def test_lists_of_a_configuration_and_of_a_table(desk: Path) -> None:
    (desk / "eval.yaml").write_text(json.dumps({
        "corpus": "m.jsonl", "metrics": [{"name": "b_wer", "common": "names.txt"}],
        "pipelines": [{"name": "v", "recognizer": {"name": "precomputed", "path": "v"}}]}))
    done = command("run", desk / "eval.yaml", "--out", desk / "run", "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert values(desk / "run")["b_wer"] == 1 / 6 and values(desk / "run")["u_wer"] == 2 / 3
    (desk / "t.tsv").write_text("id\tref\thyp\tnames\n" + "".join(
        f"{name}\t{TEXTS[name]}\t{HEARD[name]}\t{names}\n" for name, names in (
            ("u1", '["lamp"]'), ("u2", '["rolling stones"]'), ("u3", ""))))
    done = command("score", "t.tsv", "-o", "table", "--metric", "b_wer:key=names", "--workers", "0",
                   cwd=desk)
    assert done.returncode == 0, done.stderr
    assert values(desk / "table")["b_wer"] == 1 / 3


def test_a_key_that_no_utterance_has_ends_the_run_before_it_starts(desk: Path) -> None:
    done = command("score", "-m", "m.jsonl", "-y", "v", "-o", "run", "--metric", "b_wer:key=name",
                   cwd=desk)
    assert done.returncode == 2 and not (desk / "run").exists()
    assert ("b_wer: no utterance has a list under 'name'; the manifest has names, one; did you "
            "mean 'names'?") in done.stderr


def test_two_lists_of_one_name_are_refused(desk: Path) -> None:
    done = command("score", "-m", "m.jsonl", "-y", "v", "-o", "run", "--metric", "b_wer:key=names",
                   "--metric", "b_wer:list=names.txt", cwd=desk)
    assert done.returncode == 2 and "b_wer" in done.stderr and "label" in done.stderr


def test_groups_and_gates_are_of_listed_words_alone(tmp_path: Path) -> None:
    """Of forty speakers the second system mishears the lamps of half; a quarter says none."""
    rows, heard = [], {"old": [], "new": []}
    for i in range(240):
        speaker, word = i // 6, "lamp" if i // 6 % 4 else "light"
        rows.append({"id": f"u{i}", "text": f"turn on the {word}", "speaker": f"s{speaker}",
                     "sex": "fm"[speaker % 2]})
        wrong = {"old": i % 11 == 0, "new": i % 11 == 0 or (speaker % 2 and i % 3)}
        for name, lines in heard.items():
            lines.append(f"u{i} turn {'in' if i % 7 == 0 else 'on'} the "
                         f"{'lamb' if wrong[name] and word == 'lamp' else word}\n")
    write_manifest(tmp_path / "m.jsonl", rows)
    (tmp_path / "l").write_text("Lamp\n")
    for name, lines in heard.items():
        (tmp_path / "v").write_text("".join(lines))
        done = command("score", "-m", "m.jsonl", "-y", "v", "-o", name, "--metric", "b_wer:list=l",
                       "--workers", "0", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    table = command("groups", "new", "--by", "sex", "--metric", "b_wer", "--json", cwd=tmp_path)
    report, = json.loads(table.stdout)
    f, m = sorted(report["rows"], key=lambda row: row["group"])
    assert (f["weight"], m["weight"]) == (60, 120)
    assert f["value"]["value"] < 0.1 and m["value"]["value"] > 0.6
    assert m["gap"]["p_value"] < 0.01
    (tmp_path / "gates.yaml").write_text(json.dumps({"gates": [
        {"metric": "b_wer", "scope": "every sex"}, {"metric": "u_wer", "scope": "every sex"}]}))
    gate = command("compare", "old", "new", "--gates", "gates.yaml", "--json", "gates.json",
                   cwd=tmp_path)
    assert gate.returncode == 1, gate.stdout + gate.stderr
    gates = json.loads((tmp_path / "gates.json").read_text())["gates"]
    assert [each["status"] for each in gates] == ["failed", "passed"]
    assert {check["scope"]: check["status"] for check in gates[0]["checks"]} == {
        "sex=f": "passed", "sex=m": "failed"}
