"""Rescoring lattices and lists of best guesses: against all paths one by one, by law, and through
the command line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.lattices import ScoredLink, WordLattice
from evalkit.core.types import Utterance
from evalkit.metrics.lattice_files import lattices_at
from evalkit.models.language.arpa import read_arpa
from evalkit.models.language.kneser_ney import train
from evalkit.models.language.ngrams import Ngrams
from evalkit.models.language.rescoring import source_at
from evalkit.models.language.search import Weights, compose
from evalkit.models.language.tuning import LANGUAGE, OWN, grid
from evalkit.store.slf import slf, write_slf
from evalkit.systems.precomputed import Hypotheses
from tests.conftest import evalkit
from tests.models.test_language_models import KENLM, SENTENCES

MODELS = [train(SENTENCES, order).model for order in (1, 2, 3)]
WORDS = ["turn", "on", "the", "light", "zebra", None]
logs = st.floats(-9, 0).map(lambda value: round(value, 2))


@st.composite
def lattices(draw) -> WordLattice:
    """A chain, so that there is a way, and further links."""
    n = draw(st.integers(2, 6))
    pairs = [(i, i + 1) for i in range(n - 1)] + draw(st.lists(
        st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] < p[1]),
        max_size=8))
    links = [ScoredLink(*pair, draw(st.sampled_from(WORDS)), draw(logs), draw(logs))
             for pair in pairs]
    return WordLattice(tuple(i / 10 for i in range(n)), tuple(links))


def paths(lattice: WordLattice, node: int = 0) -> Iterator[list[ScoredLink]]:
    if node == len(lattice.times) - 1:
        yield []
    for link in lattice.links:
        if link.start == node:
            for rest in paths(lattice, link.end):
                yield [link, *rest]


def spoken(path: list[ScoredLink]) -> tuple[str, ...]:
    return tuple(link.word for link in path if link.word is not None)


def score(path: list[ScoredLink], model: Ngrams, weights: Weights) -> float:
    words = spoken(path)
    return (weights.acoustic * sum(link.score for link in path)
            + weights.own * sum(link.language for link in path)
            + weights.language * model.sentence(words) + weights.insertion * len(words))


@settings(deadline=None, max_examples=150)
@given(lattices(), st.sampled_from(MODELS), st.lists(st.builds(
    Weights, st.floats(0, 5), st.floats(-3, 3), st.floats(0, 2), st.floats(0.1, 2)),
    min_size=1, max_size=4))
def test_the_best_of_all_paths_is_found(lattice: WordLattice, model: Ngrams,
                                        many: list[Weights]) -> None:
    every = list(paths(lattice))
    found = compose(lattice, model).best(np.array([each.column for each in many]).T)
    for weights, words in zip(many, found, strict=True):
        by_words: dict[tuple[str, ...], float] = {}
        for path in every:
            by_words[spoken(path)] = max(by_words.get(spoken(path), -math.inf),
                                         score(path, model, weights))
        assert by_words[words] == pytest.approx(max(by_words.values()), abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(lattices())
def test_without_weight_it_is_the_recognizers_own_best_path(lattice: WordLattice) -> None:
    (words,) = compose(lattice, MODELS[2]).best(np.array([Weights().column]).T)
    best = max(sum(link.score + link.language for link in path) for path in paths(lattice))
    assert any(spoken(path) == words and math.isclose(
        sum(link.score + link.language for link in path), best, abs_tol=1e-9)
        for path in paths(lattice))


def merged(lattice: WordLattice) -> list[tuple[tuple[str, ...], float, float]]:
    return sorted((spoken(path), round(sum(link.score for link in path), 6),
                   round(sum(link.language for link in path), 6)) for path in paths(lattice))


@settings(deadline=None, max_examples=40)
@given(lattices())
def test_what_is_written_is_read_again(tmp_path_factory, lattice: WordLattice) -> None:
    folder = tmp_path_factory.mktemp("slf")
    write_slf(folder / "u.slf", lattice)
    write_slf(folder / "v.slf.gz", lattice)
    source = lattices_at(folder, None)
    assert merged(source.scored("u")) == merged(source.scored("v")) == merged(lattice)
    assert set(lattice.times) <= {*source.scored("u").times}


def test_a_lattice_is_written_in_few_bytes(tmp_path: Path) -> None:
    """Twelve words in three versions each, in 2.5 s: under 2 kB."""
    words = [*SENTENCES[0], *SENTENCES[1]][:12]
    links = [ScoredLink(i, i + 1, f"{word}{'s' * k}", -1.2345 - k)
             for i, word in enumerate(words) for k in range(3)]
    lattice = WordLattice(tuple(0.2048 * i for i in range(13)), tuple(links))
    assert len(slf(lattice).encode()) <= 2000
    assert "\nI=0 t=0\n" in slf(lattice) and "\nJ=0 S=0 E=1 W=turn a=-1.23\n" in slf(lattice)
    odd = WordLattice((0.0, 1.0), (ScoredLink(0, 1, 'o"c\\lo\'ck x', -1.0),))
    write_slf(tmp_path / "u.slf", odd)
    assert merged(lattices_at(tmp_path, None).scored("u")) == merged(odd)
    for link, said in (((1, 0, "a", 0.0), "higher number"), ((0, 1, "a", math.nan), "no finite")):
        with pytest.raises(ValueError, match=said):
            WordLattice((0.0, 1.0), (ScoredLink(*link),))


def test_scores_are_those_of_the_formats(tmp_path: Path) -> None:
    """HTK's base and scales, Kaldi's costs, and those of the last state."""
    nodes = "I=0 t=0\nI=1 t=1\n"
    for name, text, acoustic, language in (
            ("plain", f"{nodes}J=0 S=0 E=1 W=a a=-2 l=-3\n", -2, -3),
            ("base", f"base=10\n{nodes}J=0 S=0 E=1 W=a a=-2 l=-3\n", -2 * math.log(10),
             -3 * math.log(10)),
            ("likely", f"base=0\n{nodes}J=0 S=0 E=1 W=a a=.5 l=.25\n", math.log(.5), math.log(.25)),
            ("scaled", f"acscale=2 lmscale=12 wdpenalty=-1\n{nodes}J=0 S=0 E=1 W=a "
             "acoustic=-2 language=-3\n", -5, -36),
            ("none", f"{nodes}J=0 S=0 E=1 W=a\n", 0, 0)):
        (tmp_path / f"{name}.slf").write_text(text)
        (path,) = paths(lattices_at(tmp_path, None).scored(name))
        assert sum(link.score for link in path) == pytest.approx(acoustic), name
        assert sum(link.language for link in path) == pytest.approx(language), name
    (tmp_path / "kaldi").write_text("u\n0 1 a 3,2,4_4\n1 .5,.25,\n\nv\n0 1 9 a 3,2\n1\n\n"
                                    "w\n0 1 a\n1\n\nx\n0 1 a 3,?\n1\n")
    kaldi = lattices_at(tmp_path / "kaldi", None)
    for name, acoustic, language in (("u", -2.25, -3.5), ("v", -2, -3), ("w", 0, 0)):
        (path,) = paths(kaldi.scored(name))
        assert (sum(link.score for link in path), sum(link.language for link in path)
                ) == (acoustic, language)
    with pytest.raises(UtteranceError, match=r"BadLattice: kaldi: .*no finite number"):
        kaldi.scored("x")
    assert kaldi.of("x").words  # whose words need no scores


# Through the command line

DEV = ["turn on the light", "is the light on", "open the light please"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lattices and lists in which the recognizer found a wrong word likelier everywhere."""
    folder = tmp_path_factory.mktemp("desk")
    for split in ("dev", "test"):
        (folder / split).mkdir()
        rows = []
        for n, text in enumerate(DEV):
            words = text.split()
            links = [ScoredLink(i, i + 1, word, -1.0) for i, word in enumerate(words)]
            links += [ScoredLink(i, i + 1, "lie", -0.5) for i, word in enumerate(words)
                      if word == "light"]
            write_slf(folder / split / f"{split}{n}.slf",
                      WordLattice(tuple(map(float, range(len(words) + 1))), tuple(links)))
            rows.append({"id": f"{split}{n}", "nbest": [
                {"text": text.replace("light", "lie"), "score": -0.5 - len(words) + 1},
                {"text": text, "score": -len(words)}]})
        (folder / f"{split}.nbest.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        (folder / f"{split}.jsonl").write_text("".join(
            json.dumps({"id": f"{split}{n}", "text": text}) + "\n" for n, text in enumerate(DEV)))
    return folder


@pytest.mark.parametrize("name", ["{}", "{}.nbest.jsonl"])
def test_the_weight_is_chosen_on_dev_and_what_is_written_is_scored(desk: Path, name: str) -> None:
    done = evalkit("rescore", name.format("test"), "--lm", KENLM / "requests.arpa",
                   "--dev", name.format("dev"), "--references", "dev.jsonl", "-o", "h.jsonl",
                   cwd=desk)
    assert done.returncode == 0, done.stderr
    assert "of 12 words: 0 (0.00 %), without the model 3 (25.00 %)" in done.stdout
    model = read_arpa(KENLM / "requests.arpa")
    least = max(0.5 / (model.sentence(text.split())
                       - model.sentence(text.replace("light", "lie").split())) for text in DEV)
    weight = next(each for each in LANGUAGE if each > least)
    assert f"weight {weight:g}, insertion 0" in done.stdout
    heard = Hypotheses(desk / "h.jsonl")
    assert [heard.recall(Utterance(f"test{n}")).text for n in range(3)] == DEV
    if name != "{}":  # the list in its new order
        first = json.loads((desk / "h.jsonl").read_text().split("\n")[0])["nbest"]
        assert [each["text"] for each in first] == [DEV[0], DEV[0].replace("light", "lie")]
        assert first[0]["score"] > first[1]["score"]
    scored = evalkit("score", "-m", "test.jsonl", "-y", "h.jsonl", "-o", "run", "--overwrite",
                     "--metric", "wer", cwd=desk)
    assert scored.returncode == 0, scored.stderr


def test_what_the_recognizers_own_model_weighs_is_chosen_too(desk: Path) -> None:
    """Without it, the right word is likelier; the other model is of no use."""
    for split in ("dev", "test"):
        (desk / f"own_{split}").mkdir()
        write_slf(desk / f"own_{split}" / f"{split}0.slf", WordLattice(
            (0.0, 0.5, 1.0), (ScoredLink(0, 1, "turn", -1.0, -1.0), ScoredLink(1, 2, "on", -2.0),
                              ScoredLink(1, 2, "off", -1.4, -1.0))))
    (desk / "own.jsonl").write_text('{"id": "dev0", "text": "turn off"}\n')
    (desk / "even.arpa").write_text("\\data\\\nngram 1=3\n\n\\1-grams:\n-1 <unk>\n-99 <s>\n-1 "
                                    "</s>\n\n\\end\\\n")
    command = ["rescore", "own_test", "--lm", "even.arpa", "--dev", "own_dev", "--references",
               "own.jsonl", "-o", "own_out.jsonl"]
    done = evalkit(*command, cwd=desk)
    assert done.returncode == 0, done.stderr
    assert "weight 0, insertion 0, own 0.5" in done.stdout
    assert "0.00 %), without the model 1 (50.00 %)" in done.stdout
    assert json.loads((desk / "own_out.jsonl").read_text())["hypothesis"] == "turn off"
    endless = evalkit(*command, "--own", "inf", cwd=desk)
    assert endless.returncode == 2 and "--own inf: must be a number" in endless.stderr
    fixed = evalkit(*command, "--own", "1", cwd=desk)
    assert "weight 0, insertion 0\n" in fixed.stdout and "own language" not in fixed.stdout


def test_no_weight_leaves_all_as_it_was_and_failures_are_named(desk: Path) -> None:
    lattices = desk / "some"
    lattices.mkdir()
    (lattices / "a.slf").write_text((desk / "test" / "test0.slf").read_text())
    (lattices / "b.slf").write_text("I=0\nI=1\nJ=0 S=0 E=1 W=x a=zero\n")
    (lattices / "c.slf").write_text("I=0\nJ=0 S=0\n")
    done = evalkit("rescore", "some", "--lm", KENLM / "requests.arpa", "--weight", "0", "-o",
                   "some.jsonl", cwd=desk)
    assert done.returncode == 2
    assert [json.loads(row) for row in (desk / "some.jsonl").read_text().splitlines()
            ] == [{"id": "a", "hypothesis": "turn on the lie"}]
    assert "some: 1 utterance left out: BadLattice: b.slf:" in done.stdout
    assert "some: 1 utterance left out: BadLattice: c.slf: line 2:" in done.stdout
    assert "'lie'" in done.stderr and "unknown to requests.arpa" in done.stderr


@pytest.mark.parametrize(("words", "said"), [
    ("test --weight 1 --lm gone.arpa", "gone.arpa: cannot read it"),
    ("test --weight 1 --lm test.jsonl", "is no ARPA language model"),
    ("gone --weight 1", "gone: cannot read it"), ("test", "say --weight, or --dev"),
    ("test --weight 1 --dev dev --references dev.jsonl", "one of both"),
    ("test --dev dev", "one needs the other"),
    ("test --dev dev --references test.jsonl", "no utterance of it can be used"),
    ("test --dev dev --references dev.jsonl --insertion 1", "is chosen by --dev")])
def test_what_cannot_be_done_is_said_in_one_line(desk: Path, words: str, said: str) -> None:
    more = () if "--lm" in words else ("--lm", KENLM / "requests.arpa")
    done = evalkit("rescore", *words.split(), *more, "-o", "x.jsonl", cwd=desk)
    error = done.stderr.strip().split("\n")[-1]
    assert done.returncode == 2 and error.startswith("error: ") and said in error
    assert not (desk / "x.jsonl").exists()


def test_a_guess_without_a_score_is_refused_and_a_single_one_needs_none(tmp_path: Path) -> None:
    from evalkit.models.language.rescoring import ways

    (tmp_path / "n.jsonl").write_text('{"id": "a", "nbest": ["x", {"text": "y", "score": -1}]}\n'
                                      '{"id": "b", "hypothesis": "x"}\n'
                                      '{"id": "c", "hypothesis": "y", "nbest": [{"text": "x", '
                                      '"score": -1}, {"text": "y", "score": -2}]}\n')
    source = source_at(tmp_path / "n.jsonl")
    with pytest.raises(UtteranceError, match=r"NoScore: the guess 'x'"):
        ways(source, "a", MODELS[0])
    assert [ways(source, each, MODELS[0]).best(np.array([Weights().column]).T)
            for each in "bc"] == [[("x",)], [("x",)]]


def test_the_grid_begins_with_no_model(tmp_path: Path) -> None:
    assert grid(Weights(acoustic=0.1), (0.5,))[0] == Weights(0.0, 0.0, 0.5, 0.1)
    for own in (OWN[:1], OWN):
        assert len(set(grid(Weights(), own))) == len(grid(Weights(), own)) == 109 * len(own)
    with pytest.raises(ConfigError, match="holds no lattice"):
        source_at(tmp_path)
