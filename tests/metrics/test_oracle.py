"""Oracle word error rates of lists and lattices: against all guesses and all paths, one by one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Hypothesis, Measurement, Output, Utterance
from evalkit.metrics.lattice_files import lattices_at
from evalkit.metrics.oracle import LatticeErrors, OracleErrors
from evalkit.metrics.words import WordErrors
from evalkit.store.manifest import write_manifest
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import summarise
from tests.conftest import evalkit as command

WORDS = ["a", "b", "cc", "<sil>", "b(2)", "A-b", "!NULL"]
SAID = {"<sil>": [], "!NULL": [], "b(2)": ["b"], "A-b": ["a", "b"]}
"""What a label stands for, where that is not the one word that it is."""
sentences = st.lists(st.sampled_from(["a", "b", "cc"]), min_size=1, max_size=6).map(" ".join)
Links = list[tuple[int, int, str]]


@st.composite
def graphs(draw) -> tuple[int, Links]:
    """Nodes, the first of which is the beginning and the last the end, and links between them."""
    n = draw(st.integers(2, 6))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    links = draw(st.lists(st.tuples(st.sampled_from(pairs), st.sampled_from(WORDS)), min_size=1,
                          max_size=10))
    return n, [(i, j, word) for (i, j), word in links]


def paths(node: int, end: int, links: Links) -> Iterator[list[str]]:
    """The words of every way from ``node`` to ``end``."""
    if node == end:
        yield []
    for start, to, label in links:
        if start == node:
            for rest in paths(to, end, links):
                yield [*SAID.get(label, [label]), *rest]


def slf(n: int, links: Links, name=lambda node: node) -> str:
    """Words on the links; the nodes are called otherwise, and told in another order."""
    nodes = [f"I={name(i)} t={i / 10:.2f}" for i in reversed(range(n))]
    lines = [f'J={j} S={name(start)} E={name(end)} W="{word}" a=-1.5 l=0'
             for j, (start, end, word) in enumerate(links)]
    return "\n".join(["# a comment", "VERSION=1.0", f"start={name(0)} end={name(n - 1)}",
                      f"N={n}\tL={len(links)}", *nodes, *lines]) + "\n"


def slf_of_nodes(n: int, links: Links) -> str:
    """The same with the words on nodes: each link leads through a node of its own."""
    nodes = [f"I={i} W=!NULL" for i in range(n)]
    nodes += [f"I={n + j} W={word.replace('!', chr(92) + '!')} v=1"
              for j, (_, _, word) in enumerate(links)]
    halves = [(half, n + j) for j, half in enumerate(links)]
    lines = [f"J={2 * j} S={start} E={middle}\nJ={2 * j + 1} S={middle} E={end}"
             for j, ((start, end, _), middle) in enumerate(halves)]
    return "\n".join([f"start=0 end={n - 1}", *nodes, *lines]) + "\n"


def kaldi(identifier: str, n: int, links: Links, *, labels: int = 1) -> str:
    """With one or two labels an arc."""
    lines = [f"{start} {end} {'7 ' * (labels - 1)}{word} 1.5,-3,4_4" for start, end, word in links]
    lines.sort(key=lambda line: not line.startswith("0 "))
    return "\n".join([f"{identifier} ", *lines, f"{n - 1} 0,2.5,", "", ""])


NOTHING = Hypothesis("")


def measure(metric: LatticeErrors | OracleErrors, reference: str, hypothesis: Hypothesis = NOTHING):
    return metric.measure(Utterance("u", text=reference, duration=2.0),
                          Output(hypothesis=hypothesis))


@settings(deadline=None, max_examples=40)
@given(graphs(), sentences)
def test_the_best_of_all_paths_counts_in_every_format(tmp_path_factory, graph, reference):
    n, links = graph
    assume(any(start == 0 for start, *_ in links))  # Kaldi's first line is of the first state
    every = list(paths(0, n - 1, links))
    folder = tmp_path_factory.mktemp("lattices")
    for name in ("slf", "nodes"):
        (folder / name).mkdir()
    (folder / "slf" / "u.slf").write_text(slf(n, links, lambda node: f"n{7 * node % 31}"))
    (folder / "nodes" / "u.lat").write_text(slf_of_nodes(n, links))
    (folder / "compact").write_text(kaldi("u", n, links))
    (folder / "two").write_text(kaldi("v", 2, [(0, 1, "a")]) + kaldi("u", n, links, labels=2))
    metrics = [LatticeErrors(lattices=folder / name) for name in ("slf", "nodes", "compact", "two")]
    if not every:
        for metric in metrics:
            with pytest.raises(UtteranceError, match=r"BadLattice: .*no way from its beginning"):
                measure(metric, reference)
        return
    best = min(Levenshtein.distance(reference.split(), words) for words in every)
    for metric in metrics:
        found = measure(metric, reference)
        assert found["lattice_wer"] == Measurement(best, len(reference.split()))
        assert found["lattice_wer.density"].weight == len(reference.split())


@given(st.lists(sentences, min_size=1, max_size=12), sentences)
def test_the_best_of_a_list_counts_at_every_depth(guesses, reference):
    first, *others = guesses
    found = measure(OracleErrors(), reference,
                    Hypothesis(first, alternatives=tuple(map(Hypothesis, others))))
    errors = [Levenshtein.distance(reference.split(), guess.split()) for guess in guesses]
    for depth, name in ((1, ".1best"), (2, ".2best"), (5, ".5best"), (10, ".10best"), (99, "")):
        assert found[f"oracle_wer{name}"] == Measurement(min(errors[:depth]),
                                                         len(reference.split()))
    assert found["oracle_wer.1best"] == WordErrors().measure(
        Utterance("u", text=reference), Output(hypothesis=Hypothesis(first)))["wer"]
    assert found["oracle_wer.density"].amount == sum(len(each.split()) for each in guesses)
    assert found["oracle_wer.bytes"] == Measurement(sum(len(each) + 1 for each in guesses), 64_000)


def test_words_of_a_lattice_are_normalised_and_references_may_have_alternatives(tmp_path):
    (tmp_path / "u.slf").write_text(slf(3, [(0, 1, "The"), (1, 2, "Color’s")]))
    found = measure(LatticeErrors(lattices=tmp_path, alternatives=True),
                    "the { colour's / color's } (please)")
    assert found["lattice_wer"] == Measurement(0, 2)
    with pytest.raises(ConfigError, match=r"looks at whole texts.*give this metric normaliser"):
        create("metrics", "lattice_wer", {"lattices": str(tmp_path),
                                         "normaliser": "whisper_english"})


def test_words_of_a_lattice_are_rewritten_one_by_one(tmp_path: Path) -> None:
    """As alternatives where the rules make several of one."""
    rules = tmp_path / "en.glm"
    rules.write_text("CANNOT => CAN NOT / [ ] __ [ ]\nUH => (UH) / [ ] __ [ ]\n"
                     ";; INPUT_DEPENDENT_APPLICATION = \"hyp\"\n"
                     "[HE'S] => [{HE IS / HE HAS}] / [ ] __ [ ]\n")
    (tmp_path / "u.slf").write_text(slf(4, [(0, 1, "he's"), (1, 2, "uh"), (2, 3, "cannot")]))
    for said, errors, words in (("he has can not", 0, 4), ("he is uh cannot", 0, 5),
                                ("he's cannot", 2, 3)):
        found = measure(LatticeErrors(lattices=tmp_path, glm=rules), said)["lattice_wer"]
        assert found == Measurement(errors, words), said


GOOD = slf(3, [(0, 1, "a"), (1, 2, "b")])
BAD = {
    "circle": (GOOD.replace("L=2", "L=3") + "J=2 S=2 E=1\n", "its links lead in a circle"),
    "itself": (GOOD.replace("L=2", "L=3") + "J=2 S=1 E=1\n", "its links lead in a circle"),
    "cut off": (GOOD.rpartition("J=")[0], "has 1 links, and its header says 2; is it cut off?"),
    "no node": (GOOD.replace("E=2", "E=9"), "line 9: a link of node 9, which there is not"),
    "half a link": (GOOD.replace("E=2 ", ""), "line 9: a link without S= or E="),
    "no field": (GOOD.replace("t=0.10", "0.10"), "line 6: expected NAME=VALUE, found '0.10'"),
    "twice": (GOOD.replace("I=2", "I=1"), "line 6: node 1 comes twice"),
    "within": ("SUBLAT=x\n" + GOOD, "line 1: a lattice within a lattice"),
    "nothing": ("\n", "has no way from its beginning to its end"),
    "no text": ("\ud800", "BadLattice")}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_a_bad_lattice_is_the_failure_of_its_utterance(tmp_path: Path, content: str,
                                                       message: str) -> None:
    (tmp_path / "u.slf").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(UtteranceError) as failure:
        measure(LatticeErrors(lattices=tmp_path), "a b")
    assert message in str(failure.value) and "\n" not in str(failure.value)
    assert str(failure.value).startswith("BadLattice: u.slf: ")


@pytest.mark.parametrize(("content", "message"), [
    ("0 1 a\n1 0 b\n1\n", "its links lead in a circle"), ("0 1\n", "line 2: 2 fields"),
    ("0 1 a b c d\n", "line 2: 6 fields"), ("0 1 a\n", "no way from its beginning"),
    ("0 1 17 1,2,\n1\n", "no word for the label '17'; say symbols: FILE")])
def test_a_bad_lattice_of_kaldi_costs_itself_alone(tmp_path: Path, content: str, message: str
                                                   ) -> None:
    (tmp_path / "lat").write_text(f"u\n{content}\n\nv\n0 1 a\n1\n")
    metric = LatticeErrors(lattices=tmp_path / "lat")
    with pytest.raises(UtteranceError, match="BadLattice: lat: ") as failure:
        measure(metric, "a")
    assert message in str(failure.value)
    assert len(lattices_at(tmp_path / "lat", None).of("v").words.arcs) == 4
    with pytest.raises(UtteranceError, match="NoLattice: lat has none"):
        metric.measure(Utterance("w", text="a"), Output(hypothesis=NOTHING))


def test_words_of_kaldi_may_be_numbers_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "lat").write_text("u\n0 1 17 1,2,\n1 2 0\n2\n")
    (tmp_path / "words.txt").write_text("<eps> 0\nlamp 17\n")
    metric = LatticeErrors(lattices=tmp_path / "lat", symbols=tmp_path / "words.txt")
    assert measure(metric, "lamp")["lattice_wer"] == Measurement(0, 1)
    (tmp_path / "words.txt").write_text("<eps> 0\nlamp\n")
    with pytest.raises(ConfigError, match=r"words.txt:2: expected a word and its number"):
        create("metrics", "lattice_wer", {"lattices": str(tmp_path / "lat"),
                                         "symbols": str(tmp_path / "words.txt")})


@pytest.mark.parametrize(("files", "message"), [
    ({}, "holds no lattice; its files end with .slf"),
    ({"u.slf": GOOD, "u.lat": GOOD}, "u.slf: is of the utterance of u.lat too")])
def test_folders_that_cannot_be_used_are_refused(tmp_path: Path, files: dict[str, str],
                                                 message: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=message):
        create("metrics", "lattice_wer", {"lattices": str(tmp_path)})


@pytest.mark.parametrize(("content", "message"), [
    ("", "holds no lattice"), (GOOD, "lat:1: expected an utterance's id alone"),
    ("u\n0\n\nu\n0\n", "lat:4: 'u' has a lattice already")])
def test_files_that_cannot_be_used_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "lat").write_text(content)
    with pytest.raises(ConfigError, match=message):
        create("metrics", "lattice_wer", {"lattices": str(tmp_path / "lat")})
    for path, why in (("gone", "cannot read the lattices: No such file"),
                      ("/dev/zero", "cannot read the lattices")):
        with pytest.raises(ConfigError, match=why):
            create("metrics", "lattice_wer", {"lattices": path})


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A corpus, best guesses of it, and lattices, packed and not, of which one is missing."""
    texts = {"u1": "turn on", "u2": "turn off the lamp", "u3": "stop"}
    write_manifest(tmp_path / "m.jsonl", [{"id": name, "text": text, "speaker": name, "duration": 1}
                                          for name, text in texts.items()])
    rows = [{"id": "u1", "nbest": ["turn in", "turn on"]},
            {"id": "u2", "hypothesis": "turn of lamp", "alternatives": [
                {"text": "turn off lamp", "confidence": -3.5}, {"text": "turn off a lamp"}]},
            {"id": "u3", "hypothesis": "stop"}]
    (tmp_path / "n.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "slf").mkdir()
    (tmp_path / "slf" / "u1.slf").write_text(slf(3, [(0, 1, "turn"), (1, 2, "on"), (1, 2, "in")]))
    (tmp_path / "slf" / "u2.slf.gz").write_bytes(gzip.compress(slf(2, [(0, 1, "off")]).encode()))
    return tmp_path


def test_lists_and_lattices_on_the_command_line(desk: Path) -> None:
    done = command("score", "-m", "m.jsonl", "-y", "n.jsonl", "-o", "run", "--metric", "wer",
                   "--metric", "oracle_wer", "--workers", "0", cwd=desk)
    assert done.returncode == 0, done.stderr
    run = RunFolder(desk / "run")
    value = summarise(run.scores()).set_index("metric")["value"]
    assert value["wer"] == value["oracle_wer.1best"] == 3 / 7
    assert value["oracle_wer.2best"] == value["oracle_wer"] == 1 / 7
    assert value["oracle_wer.density"] == (4 + 10 + 1) / 7
    outputs = run.outputs().set_index("utterance_id")
    assert outputs["alternatives"]["u2"][0] == {
        "text": "turn off lamp", "confidence": -3.5}
    done = command("score", "run", "--metric", "lattice_wer:lattices=slf", "--workers", "0",
                   "--max-failed", "0.5", cwd=desk)
    assert done.returncode == 0, done.stderr
    scores = run.scores().query("metric == 'lattice_wer'").set_index("utterance_id")
    assert scores["amount"].to_dict() | {"u3": None} == {"u1": 0, "u2": 3, "u3": None}
    assert scores["error"]["u3"] == "NoLattice: slf has none"


@pytest.mark.parametrize("guesses", ["turn", [], [3], [{"score": 1}], [["a"]], {"a": 1}])
def test_guesses_that_are_none_are_named(desk: Path, guesses: object) -> None:
    (desk / "n.jsonl").write_text(json.dumps({"id": "u1", "nbest": guesses}) + "\n")
    done = command("score", "-m", "m.jsonl", "-y", "n.jsonl", "-o", "run", cwd=desk)
    assert done.returncode == 2
    assert "n.jsonl:1: 'nbest' must be a list of texts, or of objects with a 'text'" in done.stderr


@pytest.mark.real
def test_the_lattice_of_a_real_recognizer_holds_what_it_heard(real_data: Path, tmp_path: Path
                                                              ) -> None:
    import soundfile
    from pocketsphinx import Decoder

    files = sorted((real_data / "librispeech_test-other").rglob("*.flac"),
                   key=lambda path: path.stat().st_size)
    samples, rate = soundfile.read(files[0], dtype="int16")
    decoder = Decoder(samprate=rate, loglevel="FATAL", maxhmmpf=3000)
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    decoder.get_lattice().write_htk(str(tmp_path / "u.slf"))
    heard = decoder.hyp().hypstr
    metric = LatticeErrors(lattices=tmp_path)
    assert heard
    assert measure(metric, heard)["lattice_wer"] == Measurement(0, len(heard.split()))
    said = next(line.split(" ", 1)[1] for path in files[0].parent.glob("*.trans.txt")
                for line in path.read_text().splitlines() if line.startswith(files[0].stem))
    found, first = measure(metric, said), WordErrors().measure(
        Utterance("u", text=said), Output(hypothesis=Hypothesis(heard)))
    assert 0 <= found["lattice_wer"].amount <= first["wer"].amount
    assert found["lattice_wer.bytes"].amount == (tmp_path / "u.slf").stat().st_size
    guesses = [guess.hypstr for _, guess in zip(range(20), decoder.nbest(), strict=False) if guess]
    listed = measure(OracleErrors(), said, Hypothesis(guesses[0], alternatives=tuple(
        map(Hypothesis, guesses[1:]))))
    assert listed["oracle_wer"].amount >= found["lattice_wer"].amount
