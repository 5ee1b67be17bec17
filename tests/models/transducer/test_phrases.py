"""Phrases that are listened for: what a text gains by them, and that an empty list is none."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.types import Audio
from evalkit.models.tensors import threads
from evalkit.models.transducer.beam import Beam
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.phrases import Trie, read_phrases
from evalkit.models.transducer.stream import Blocks, Greedy
from evalkit.models.transducer.whole import greedy
from evalkit.systems.transducer import TransducerRecognizer

from .tiny import tiny, wave

CONFIG = TransducerConfig(alphabet=" ab", end_token=True)
BOOST = 1.5
TEXTS = st.lists(st.text("ab", min_size=1, max_size=2), max_size=6).map(" ".join)
PHRASES = st.lists(st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=4)
                   .map(" ".join), max_size=5)


def covered(words, phrases):
    """How many labels of a text stand in phrases: the leftmost, and of those the longest."""
    if not words:
        return 0
    here = [n for n in range(1, len(words) + 1) if " ".join(words[:n]) in phrases]
    if not here:
        return covered(words[1:], phrases)
    return len(" ".join(words[:here[-1]])) + covered(words[here[-1]:], phrases)


def gained(trie, labels):
    state, bonus = 1, 0.0
    for label in labels:
        bonus += trie.bonuses(state)[label]
        state = trie.step(state, label)
    return bonus + trie.finish(state)


@settings(max_examples=100, deadline=None)
@given(PHRASES, TEXTS, st.booleans())
def test_a_text_gains_by_the_phrases_that_it_holds_and_nothing_else(phrases, text, ended):
    trie = Trie(phrases, CONFIG, BOOST)
    labels = CONFIG.encode(text) + [CONFIG.end] * ended
    assert gained(trie, labels) == pytest.approx(BOOST * covered(text.split(), set(phrases)))


def test_a_phrase_is_found_behind_one_that_was_left_and_one_within_it_is_kept():
    trie = Trie(["new york pizza", "mario", "york"], TransducerConfig(), 1.0)
    for text, labels in (("new york mario", 9), ("new york", 4), ("new mario", 5), ("new yor", 0),
                         ("marion", 0), ("super mario", 5), ("new york pizza", 14)):
        assert gained(trie, TransducerConfig().encode(text)) == labels, text


@pytest.fixture(scope="module")
def attends():
    model = tiny(bias=8)
    torch.nn.init.normal_(model.biasing.output.weight, std=3.0)
    return model


@threads(1)
@torch.inference_mode()
def found(model, samples, cut=(), search=Beam, **options):
    """What is found by a search with ``options``."""
    if search is Beam:
        options["width"] = 4
    search, blocks = search(model, **options), Blocks(model)
    for piece in np.split(samples, cut):
        for heard in blocks.push(piece):
            search.hear(heard)
    for heard in blocks.finish():
        search.hear(heard)
    if isinstance(search, Greedy):
        return search.said
    return [guess._replace(phrase=0) for guess in search.finish()]


def test_an_empty_list_changes_nothing(attends):
    samples = wave(16_000)
    empty = Trie([], attends.config, 2.0)
    with torch.inference_mode():
        none = attends.listed([])
        assert torch.equal(attends.said(torch.ones(3, attends.config.prediction), none),
                           attends.said(torch.ones(3, attends.config.prediction), None))
    assert found(attends, samples, phrases=empty, listed=none) == found(attends, samples)
    assert found(attends, samples, search=Greedy, listed=none) == found(
        attends, samples, search=Greedy)


def test_a_list_is_heard_the_same_in_pieces_as_whole_and_changes_what_is_heard(attends):
    samples, phrases = wave(16_000), ["anna", "bob by"]
    with torch.inference_mode():
        given = {"phrases": Trie(phrases, attends.config, 3.0), "listed": attends.listed(phrases)}
    whole = found(attends, samples, **given)
    assert whole == found(attends, samples, [7, 960, 5_000], **given)
    without, *others = ([guess.labels for guess in found(attends, samples, **each)] for each in
                        ({}, given, {"phrases": given["phrases"]}, {"listed": given["listed"]}))
    assert all(each != without for each in others)
    said = found(attends, samples, search=Greedy, listed=given["listed"])
    assert said == greedy(attends, [samples], given["listed"])[0] != greedy(attends, [samples])[0]


def test_what_the_network_adds_does_not_depend_on_the_order_of_the_list(attends):
    said = torch.randn(5, attends.config.prediction, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        one, other = (attends.said(said, attends.listed(each))
                      for each in (["anna", "bob by"], ["bob  by", "", "anna"]))
    assert torch.allclose(one, other, atol=1e-6)


def test_phrases_are_read_and_what_cannot_be_spelled_is_named(tmp_path, attends):
    (tmp_path / "list.txt").write_text("Anna\n\n bob  by \nanna\n", encoding="utf-8")
    (tmp_path / "names.json").write_text(json.dumps([{"name": "anna", "kind": "contact"},
                                                     {"name": "bob by"}]), encoding="utf-8")
    config = TransducerConfig()
    for name in ("list.txt", "names.json"):
        assert read_phrases(tmp_path / name, config) == ["anna", "bob by"]
    (tmp_path / "bad.txt").write_text("anna\nanna2\n", encoding="utf-8")
    (tmp_path / "bad.json").write_text('{"name": "anna"}', encoding="utf-8")
    for name, said in (("bad.txt", r"bad\.txt:2: 'anna2' holds '2'; the recognizer"),
                       ("bad.json", "no list of objects with a name; write one a line"),
                       ("none.txt", "none.txt: cannot read the phrases")):
        with pytest.raises(ConfigError, match=said) as error:
            read_phrases(tmp_path / name, config)
        assert "\n" not in str(error.value)
    for build in (lambda: Trie(["zoë"], config, 1.0), lambda: attends.listed(["zoë"])):
        with pytest.raises(UtteranceError, match="holds 'ë'"):
            build()


def test_a_recognizer_listens_for_the_phrases_of_a_file(tmp_path, attends):
    attends.save(tmp_path / "weights.safetensors")
    files = {name: tmp_path / f"{name}.txt" for name in ("none", "some", "more")}
    for name, text in (("none", "\n"), ("some", "anna\nbob by\n"), ("more", "anna\nbob\n")):
        files[name].write_text(text, encoding="utf-8")
    options = {"weights": tmp_path / "weights.safetensors", "beam": 4, "boost": 3.0}
    without, none, some, more = (TransducerRecognizer(**options, phrases=each)
                                 for each in (None, *files.values()))
    audio = Audio(wave(16_000), 16_000)
    assert none.transcribe([audio]) == without.transcribe([audio]) != some.transcribe([audio])
    stream = some.open(16_000)
    for piece in np.split(audio.samples, [7, 960, 5_000]):
        stream.push(piece)
    assert [stream.finish()] == some.transcribe([audio])
    assert len({each.identity for each in (without, none, some, more)}) == 4
    for wrong, said in (({"beam": 1}, "phrases need a beam"), ({"boost": -1.0}, "boost -1.0: must"),
                        ({"phrases": tmp_path / "gone.txt"}, "no such file of phrases")):
        with pytest.raises(ConfigError, match=said):
            TransducerRecognizer(**{**options, "phrases": files["some"], **wrong})
