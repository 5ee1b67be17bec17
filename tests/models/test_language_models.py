"""n-gram models against KenLM, whose lmplz made tests/models/kenlm/requests.arpa of requests.txt
(-o 3 --discount_fallback), and by law."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import pytest

from evalkit.core.errors import ConfigError
from evalkit.models.language.arpa import read_arpa, write_arpa
from evalkit.models.language.kneser_ney import adjusted_counts, train
from evalkit.models.language.ngrams import END, LN_10, NEVER, START, Ngrams
from evalkit.models.language.sentences import read_sentences
from tests.conftest import evalkit

KENLM = Path(__file__).parent / "kenlm"
SENTENCES = read_sentences(KENLM / "requests.txt")
QUERIED = {"turn on the light in the kitchen": -2.6012356, "open the zebra please": -7.61837,
           "light light": -5.816894, "": -1.6888983,
           "set the radio to seven xyzzy again": -9.563965}
"""log10 p as KenLM's query says it of its own file."""


def test_a_model_is_kenlms_number_for_number() -> None:
    theirs, (ours, undiscounted) = read_arpa(KENLM / "requests.arpa"), train(SENTENCES)
    assert undiscounted == (1, 2)  # of which lmplz said the same
    assert ours.probabilities.keys() == theirs.probabilities.keys()
    for gram, log in theirs.probabilities.items():
        if gram != (START,):
            assert ours.probabilities[gram] == pytest.approx(log, abs=1e-6)
            assert ours.backoffs.get(gram, 0.0) == pytest.approx(
                theirs.backoffs.get(gram, 0.0), abs=1e-6)
    for model in (ours, theirs):
        for text, log in QUERIED.items():
            assert model.sentence(text.split()) / LN_10 == pytest.approx(log, abs=2e-6)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_behind_any_history_sum_to_one(order: int) -> None:
    model = train(SENTENCES, order).model
    words = [gram[0] for gram in model.probabilities if len(gram) == 1 and gram != (START,)]
    histories = [words[:0], *(each[:n] for each in SENTENCES[:5] for n in range(1, 4)),
                 ["zebra"], ["zebra", "in", "the"]]
    for history in histories:
        state = model.start
        for word in history:
            _, state = model.step(state, word)
        assert math.fsum(math.exp(model.step(state, word)[0]) for word in words
                         ) == pytest.approx(1.0, abs=1e-12)


def test_counts_and_discounts_are_the_papers() -> None:
    """By hand: of "a b", "a c" and "d b" behind <s>."""
    one, two = adjusted_counts([["a", "b"], ["a", "c"], ["d", "b"]], 2)
    assert one == {("a",): 1, ("b",): 2, ("c",): 1, ("d",): 1, (END,): 2}
    assert two[START, "a"] == 2 and two["b", END] == 2 and two["a", "b"] == 1
    model = train([["a", "b"], ["a", "c"], ["d", "b"]], 1).model
    # 2 a, 2 b, 1 c, 1 d, 3 </s>: n1 = 2, n2 = 2, n3 = 1, n4 = 0, so Y = 1/3, D = 1/3, 3/2, 3
    freed = (2 * 1.5 + 2 / 3 + 3) / 9
    assert math.exp(model.step((), "a")[0]) == pytest.approx((2 - 1.5) / 9 + freed / 6)
    assert math.exp(model.step((), "zebra")[0]) == pytest.approx(freed / 6)


def test_a_written_model_is_read_again_packed_or_not(tmp_path: Path) -> None:
    path = tmp_path / "lm.arpa"
    write_arpa(train(SENTENCES).model, path)
    (tmp_path / "lm.arpa.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert read_arpa(path) == read_arpa(tmp_path / "lm.arpa.gz")
    write_arpa(read_arpa(path), tmp_path / "again.arpa")
    assert (tmp_path / "again.arpa").read_bytes() == path.read_bytes()


def test_a_model_without_unknown_words_gives_them_what_kenlm_does() -> None:
    assert Ngrams({("a",): -1.0}, {}).step((), "b") == (NEVER, ())


@pytest.mark.parametrize(("old", "new", "said"), [
    ("ngram 1=43", "ngram 1=44", "is it cut off"), ("\\end\\", "", "is it cut off"),
    ("\\data\\", "", "holds no n-gram"), ("ngram 2=99", "ngram two", ":3: .*expected ngram"),
    ("-0.", "-0.x", "could not convert"), ("\tturn\t", "\tturn now please\t", "5 fields"),
    ("-0.", "nan -0.", "fields|no logarithm")])
def test_a_bad_file_is_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "bad.arpa"
    path.write_text((KENLM / "requests.arpa").read_text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=said):
        read_arpa(path)


def test_it_is_trained_by_the_command_line(tmp_path: Path) -> None:
    done = evalkit("train", "language-model", KENLM / "requests.txt", "--out", "lm.arpa",
                   cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "286 n-grams of 90 sentences" in done.stdout and "1, 2-grams" in done.stderr
    assert read_arpa(tmp_path / "lm.arpa").order == 3
    for content, said in ((b"turn </s> on\n", "bad.txt:1: holds </s>"), (b"\n \n", "no sentence"),
                          (b"a\n\xff\n", "bad.txt:2: is not UTF-8")):
        (tmp_path / "bad.txt").write_bytes(content)
        with pytest.raises(ConfigError, match=said):
            read_sentences(tmp_path / "bad.txt")
