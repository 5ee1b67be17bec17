"""Beam search through a transducer, its N-best lists and lattices: against sums over all paths,
SpeechBrain's search, and laws."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from evalkit.core.errors import ConfigError
from evalkit.core.types import Audio
from evalkit.models import SHIPPED
from evalkit.models.tensors import padded, threads
from evalkit.models.transducer import beam
from evalkit.models.transducer.beam import Beam, Prefix
from evalkit.models.transducer.config import BLANK
from evalkit.models.transducer.internal import internal
from evalkit.models.transducer.lattice import lattice
from evalkit.models.transducer.loss import transducer_losses
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.stream import best_of, words_in
from evalkit.models.transducer.whole import encoded
from evalkit.store.slf import slf
from evalkit.systems.transducer import TransducerRecognizer

from .tiny import tiny, wave


@pytest.fixture(scope="module")
def shipped() -> Transducer:
    return Transducer.load(SHIPPED / "transducer.safetensors")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with threads(1):
        yield


def noise(seed: int, samples: int = 9_600) -> np.ndarray:
    """In which the shipped transducer hears what was said often in training."""
    return wave(samples, seed)


@torch.inference_mode()
def searched(model: Transducer, samples: np.ndarray, search):
    for block in encoded(model, [samples])[0]:
        search.hear(block)
    return search.finish()


@torch.inference_mode()
def logarithm(model: Transducer, samples: np.ndarray, labels: tuple[int, ...]) -> float:
    """Of the probability of a text: the sum of all paths."""
    heard, _, blocks = model.encoded(*padded([samples], torch.device("cpu")))
    targets, length = torch.tensor([labels], dtype=torch.long), torch.tensor([len(labels)])
    return -float(transducer_losses(model.logits(heard, targets), targets, blocks, length))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_with_room_for_all_its_scores_are_sums_over_all_paths(monkeypatch, seed: int) -> None:
    monkeypatch.setattr(beam, "WITHIN", math.inf)
    monkeypatch.setattr(beam, "MOST_LABELS", 3)
    model, samples = tiny(seed, alphabet=" a"), wave(900, seed)
    with torch.no_grad():
        model.joint.output.bias += torch.tensor([2.0, -1.0, 0.0])
    found = {each.labels: each.score for each in searched(model, samples, Beam(model, 2000))}
    texts = [labels for n in range(4) for labels in itertools.product((1, 2), repeat=n)]
    exact = {labels: logarithm(model, samples, labels) for labels in texts}
    for labels, score in exact.items():
        assert found[labels] == pytest.approx(score, abs=1e-5)
    assert next(iter(found)) == max(exact, key=exact.__getitem__)
    assert sum(map(math.exp, found.values())) == pytest.approx(1.0, abs=0.05)


class LSTM(torch.nn.Module):
    """The predictor, as SpeechBrain calls one, which it knows by the name of the class."""

    def __init__(self, model: Transducer) -> None:
        super().__init__()
        self.model = model

    def forward(self, labels, hx=None):
        return self.model.predictor(labels.long(), hx)


def test_it_finds_likelier_texts_than_speechbrains_search(shipped: Transducer) -> None:
    """Which does not sum the ways to a text, and lets texts compete that have heard different
    blocks; its scores are those of single paths."""
    from speechbrain.decoders.transducer import TransducerBeamSearcher

    other = TransducerBeamSearcher(
        [LSTM(shipped)], lambda heard, said: torch.tanh(heard + shipped.joint.said(said)),
        [shipped.joint.output], BLANK, beam_size=8, nbest=8, state_beam=30.0, expand_beam=30.0)
    same = 0
    for samples in map(noise, range(6)):
        best = searched(shipped, samples, Beam(shipped, 8))[0]
        with torch.inference_mode():
            _, _, lists, scores = other.transducer_beam_search_decode(
                encoded(shipped, [samples])[0][None])
        found = {tuple(labels): float(score) * (1 + len(labels))
                 for labels, score in zip(lists[0], scores[0], strict=True)}
        theirs = max(found, key=found.__getitem__)
        exact = logarithm(shipped, samples, theirs)
        assert found[theirs] <= exact + 1e-4
        assert logarithm(shipped, samples, best.labels) >= exact - 1e-4
        assert best.score <= logarithm(shipped, samples, best.labels) + 1e-3
        same += best.labels == theirs
    assert same >= 3


@pytest.fixture(scope="module")
def found(shipped: Transducer) -> list[list[Prefix]]:
    return [searched(shipped, noise(seed, 24_000), Beam(shipped, 8)) for seed in range(5)]


def test_the_best_path_of_a_lattice_is_the_best_text_and_all_texts_are_paths(
        shipped: Transducer, found: list[list[Prefix]]) -> None:
    """So that the oracle of a lattice is never worse than that of the list, nor this than the first
    text."""
    for guesses in found:
        made, best = lattice(shipped, guesses), best_of(shipped, guesses)
        paths = all_paths(made)
        text, score = max(paths.items(), key=lambda item: item[1])
        assert (text, pytest.approx(score, abs=0.006)) == (best.text, best.confidence)
        for other in best.alternatives:
            assert paths[other.text] >= other.confidence - 0.006
        assert made.times == tuple(sorted(made.times))
        assert len({link[:3] for link in made.links}) == len(made.links)
        assert len(slf(made)) < 2_000


def test_what_has_no_room_in_a_lattice_is_left_out_but_for_the_best(
        shipped: Transducer, found: list[list[Prefix]]) -> None:
    """As many long texts as the widest beam has, which agree on nothing."""
    texts = [" ".join(each * 6 for each in "abcdefghijklmnop"[n:] + "abcdefghijklmnop"[:n])
             for n in range(16)]
    guesses = [Prefix(tuple(shipped.config.encode(text)), tuple(range(len(text))),
                      tuple(-0.05 * k - n for k in range(1, len(text) + 1)),
                      -0.05 * len(text) - n, 0.0, 0) for n, text in enumerate(texts)]
    assert len(slf(lattice(shipped, guesses, 100_000))) > 6_000
    for many, most in ((guesses, 2_000), (guesses, 10), *((each, 500) for each in found)):
        made, best = lattice(shipped, many, most), best_of(shipped, many).text
        paths = all_paths(made)
        assert max(paths, key=paths.__getitem__) == best
        assert len(slf(made)) <= most or set(paths) == {best}
    assert len(all_paths(lattice(shipped, guesses))) > 1  # by default at most 2 kB


@torch.inference_mode()
def test_a_lattice_tells_the_inner_language_model_apart(
        shipped: Transducer, found: list[list[Prefix]]) -> None:
    """Against the joint network given an encoder's output of zeros, label by label."""
    guess = max(found[0], key=lambda each: len(each.labels))
    nothing, state, sum_ = shipped.joint.heard(torch.zeros(shipped.config.hidden)), None, 0.0
    steps, last = internal(shipped, [guess.labels, (), guess.labels[:3]]), BLANK
    for label, step in zip(guess.labels, steps[0], strict=True):
        said, state = shipped.predictor(torch.tensor([[last]]), state)
        odds = shipped.joint(nothing, shipped.joint.said(said))[0, 0].exp()
        assert odds[1:].sum() > 0
        sum_, last = sum_ + math.log(odds[label] / odds[1:].sum()), label
        assert step == pytest.approx(sum_, abs=1e-4)
    assert [len(each) for each in steps] == [len(guess.labels), 0, 3]
    assert steps[2] == pytest.approx(steps[0][:3], abs=1e-5)
    alone = lattice(shipped, [guess])
    ends = [each.last for each in words_in(shipped.config, guess.labels)]
    assert sum(link.language for link in alone.links) == pytest.approx(steps[0][ends[-1]], abs=.051)
    assert alone.links[0].language == pytest.approx(steps[0][ends[0]], abs=.051)


def all_paths(made) -> dict[str, float]:
    """By text, the best of the scores of its paths."""
    ways: list[dict[tuple[str, ...], float]] = [{} for _ in made.times]
    ways[0][()] = 0.0
    for link in sorted(made.links):
        for words, score in ways[link.start].items():
            longer = words if link.word is None else (*words, link.word)
            ways[link.end][longer] = max(score + link.score + link.language,
                                         ways[link.end].get(longer, -math.inf))
    return {" ".join(words): score for words, score in ways[-1].items()}


def test_a_way_that_would_be_better_than_the_best_text_is_kept_apart() -> None:
    """After "a b" the second text goes on better than the first, but began worse."""
    model = tiny(1)
    config = model.config
    labels = {text: tuple(config.encode(text)) for text in ("x a b c", "y a b d")}
    blocks = (0, 1, 1, 2, 2, 3, 3)
    first = Prefix(labels["x a b c"], blocks, (-1.0,) * 5 + (-9.0, -9.0), -9.0, 0.0, 0)
    second = Prefix(labels["y a b d"], blocks, (-8.0,) * 5 + (-10.0, -10.0), -10.0, 0.0, 0)
    paths = all_paths(lattice(model, [first, second]))
    assert paths == pytest.approx({"x a b c": -9.0, "y a b d": -10.0})
    better = second._replace(scores=(-1.5,) * 5 + (-10.0, -10.0))
    assert all_paths(lattice(model, [first, better])) == pytest.approx(
        {"x a b c": -9.0, "y a b d": -10.0, "x a b d": -9.5, "y a b c": -9.5})
    nothing = Prefix((), (), (), -0.5, 0.0, 0)
    assert all_paths(lattice(model, [nothing])) == {"": -0.5}


def test_lists_have_every_text_once_the_best_first(shipped: Transducer) -> None:
    samples = [(label, 0) for label in shipped.config.encode("it is")]
    once = Prefix(*map(tuple, zip(*samples, strict=True)), (-1.0,) * 5, -1.0, 0.0, 0)
    spelled = once._replace(labels=(*once.labels, 1), blocks=(*once.blocks, 1), score=-2.0)
    other = once._replace(labels=once.labels[:2], blocks=(0, 0), score=-3.0)
    best = best_of(shipped, [once, spelled, other])
    assert (best.text, best.confidence) == ("it is", -1.0)
    assert [(each.text, each.confidence) for each in best.alternatives] == [("it", -3.0)]


def test_the_system_streams_what_it_hears_of_the_whole() -> None:
    samples = noise(1, 24_000)
    wide = TransducerRecognizer(beam=4)
    whole, = wide.transcribe([Audio(samples, 16_000)])
    assert whole.alternatives and whole.words and whole.confidence < 0
    assert " ".join(word.text for word in whole.words) == whole.text
    for borders in ([], [1, 2, 959, 960, 961, 5_000], range(320, 24_000, 320)):
        stream, shown = wide.open(16_000), []
        for piece in np.split(samples, borders):
            shown += stream.push(piece)
        assert stream.finish() == whole
        assert all(a.text != b.text for a, b in itertools.pairwise(shown)) and shown
    greedy = TransducerRecognizer()
    assert greedy.identity != wide.identity
    assert greedy.transcribe([Audio(samples, 16_000)])[0].alternatives == ()
    with pytest.raises(ConfigError, match="beam 33: must be from 1 to 32"):
        TransducerRecognizer(beam=33)
