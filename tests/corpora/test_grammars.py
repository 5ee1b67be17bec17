"""What synthetic corpora say: the default corpus as it was, names held out of training, other
languages, and sentences that another corpus does not say."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import ConfigError
from evalkit.core.types import Hypothesis, Output
from evalkit.corpora.synthesis import corpus as synth
from evalkit.corpora.synthesis import espeak
from evalkit.corpora.synthesis.config import SynthConfig, read_besides, read_synth_config
from evalkit.corpora.synthesis.corpus import synthesise
from evalkit.corpora.synthesis.grammars import GRAMMARS
from evalkit.corpora.synthesis.plan import Line, plan
from evalkit.corpora.synthesis.sentences import distinct_sentences
from evalkit.corpora.synthesis.texts import other_sentences
from evalkit.metrics.listed_words import ListedWords
from evalkit.store.manifest import read_manifest
from tests.conftest import evalkit

from .conftest import tiny_config

DATASETS = Path(__file__).parents[2] / "datasets"
LANGUAGES = {"es": ("ñáéíóúü", "enciende, la luz, ahora"),
             "de": ("äöüß", "schalte, das licht, aus")}
"""Letters beside a to z, and a request with pauses."""


@cache
def shipped(name: str) -> SynthConfig:
    return read_synth_config(DATASETS / name / "corpus.yaml")


@cache
def planned(name: str) -> list[Line]:
    return plan(shipped(name))


def sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def test_the_default_corpus_is_what_it_was_before_there_were_grammars() -> None:
    """Pinned from the version before."""
    assert synth.VERSION == 3
    assert sha256(synth._written(shipped("accents"))) == (
        "102868aef661e2bf00e184da69c2d4e3d72d347eb2bc26bc86693f95a172381e")
    said = [[line.id, line.text, line.speaker.voice.accent, line.speaker.voice.variant,
             line.speaker.voice.rate, line.speaker.level, line.speaker.metadata]
            for line in planned("accents")]
    assert sha256(said) == "1797b3fc9f5f003139145309a59c240d974e8be2b8d8d8f6fbabbf20ac934b29"
    assert not any(line.labels for line in planned("accents"))


def test_new_keys_make_another_corpus_wherever_it_lies() -> None:
    digests = [synth._digest(tiny_config(**change)) for change in (
        {}, {"grammar": "names"}, {"prefix": "x-"}, {"besides": [DATASETS / "accents"]},
        {"besides": [DATASETS / "requests"]})]
    assert len(set(digests)) == len(digests)
    above = DATASETS / ".." / "datasets" / "accents"
    assert synth._digest(tiny_config(besides=[above])) == digests[3]


def test_no_two_corpora_share_an_utterance_or_a_sentence() -> None:
    lines = [line for name in ("accents", "requests", "names", "invented_names", "requests_es",
                                     "requests_de")
             for line in planned(name)]
    for values in ({line.id for line in lines}, {line.text for line in lines}):
        assert len(values) == len(lines)
    assert len(planned("requests")) == 1600
    assert sum(len(line.text.split()) for line in planned("requests")) > 11_000


def test_besides_goes_through_to_the_corpora_that_another_is_besides(tmp_path: Path) -> None:
    assert [config.seed for config in read_besides(tiny_config(besides=[DATASETS / "requests"]))
            ] == [shipped("requests").seed, shipped("accents").seed]
    text = (DATASETS / "requests" / "corpus.yaml").read_text()
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "corpus.yaml").write_text(text.replace("../accents", f"../{other}"))
    with pytest.raises(ConfigError, match=r"(one|two)/corpus.yaml: is besides itself"):
        plan(read_synth_config(tmp_path / "one" / "corpus.yaml"))
    with pytest.raises(ConfigError, match=r"absent/corpus.yaml: cannot read"):
        plan(tiny_config(besides=[tmp_path / "absent"]))


@pytest.mark.parametrize(("corpus", "speakers", "held_out"), [("names", 160, 5),
                                                              ("invented_names", 16, 10)])
def test_no_word_of_a_held_out_name_is_in_training(corpus: str, speakers: int, held_out: int
                                                   ) -> None:
    names = {each.name: each for each in GRAMMARS[shipped(corpus).grammar].names}
    for kind, n in Counter(each.kind for each in names.values()).items():
        strangers = sum(each.held_out for each in names.values() if each.kind == kind)
        assert strangers / n == pytest.approx(1 / 3, abs=0.005)
    strange = {word for each in names.values() if each.held_out for word in each.name.split()}
    assert re.fullmatch("[a-z' ]+", "".join(names))
    for line in planned(corpus):
        (name,) = line.labels["names"]
        assert f" {name} " in f" {line.text} "
        assert line.labels["names_kind"] == names[name].kind
        assert line.labels["names_held_out"] is names[name].held_out
        if line.split != "test":
            assert not strange & set(line.text.split())
    by_speaker = Counter(line.speaker.id for line in planned(corpus)
                         if line.split == "test" and line.labels["names_held_out"])
    assert set(by_speaker.values()) == {held_out} and len(by_speaker) == speakers
    assert not strange & {word for text in other_sentences(shipped(corpus), 1500, 1)
                          for word in text.split()}


def test_invented_names_have_no_word_of_a_real_one() -> None:
    real, invented = ({word for each in GRAMMARS[grammar].names for word in each.name.split()}
                      for grammar in ("names", "invented"))
    assert len(invented) > 5_000
    assert not real & invented


def test_names_are_found_by_the_metric_of_listed_words(tmp_path: Path) -> None:
    config = tiny_config(grammar="names", splits={"test": {"speakers": 1, "utterances": 2}})
    manifest = read_manifest(synthesise(config, tmp_path, workers=0)["test"])
    assert not manifest.problems
    metric = ListedWords(key="names", normaliser="basic")
    for utterance in manifest.utterances:
        (name,) = json.loads(utterance.metadata["names"])
        heard = utterance.text.replace(name, "nobody")
        scores = metric.measure(utterance, Output(hypothesis=Hypothesis(heard)))
        assert scores["b_wer"].weight == len(name.split()) == scores["b_wer"].amount
        assert scores["u_wer"].amount == 0
    assert [u.metadata["names_held_out"] for u in manifest.utterances] == [False, True] * 2
    assert json.loads((tmp_path / "names.json").read_text()) == [
        each._asdict() for each in GRAMMARS["names"].names]


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_language_has_its_own_letters_and_times_of_words(
        language: str, tmp_path: Path) -> None:
    config, (letters, slow) = shipped(f"requests_{language}"), LANGUAGES[language]
    lines = planned(f"requests_{language}")
    assert Counter(line.split for line in lines) == {"train": 1200, "dev": 100, "test": 400}
    assert {line.labels["language"] for line in lines} == {language}
    spelt = {split: set("".join(line.text for line in lines if line.split == split))
             for split in ("train", "test")}
    assert spelt["train"] - set(" abcdefghijklmnopqrstuvwxyz") == set(letters)
    assert spelt["test"] <= spelt["train"]
    slots = GRAMMARS[config.grammar].slots
    assert len(set(distinct_sentences(slots, np.random.default_rng(0), 5000))) == 5000
    few = config.model_copy(update={"splits": tiny_config(
        splits={"dev": {"speakers": 1, "utterances": 1}}).splits})
    for utterance in read_manifest(synthesise(few, tmp_path, workers=0)["dev"]).utterances:
        assert utterance.metadata["language"] == language
        assert " ".join(word.text for word in utterance.words) == utterance.text
        assert utterance.duration - 0.1 < utterance.words[-1].end <= utterance.duration
    for city in config.accents.values():
        _words_are_where_they_sound(slow, city.voice)


def _words_are_where_they_sound(text: str, voice: str) -> None:
    """In silence between words the samples are 0: an independent truth."""
    audio, words = espeak.speak(text, espeak.Voice(voice, "m3", 150, 50, 50))
    loud = np.abs(audio.samples) > 1e-3
    for word, following in pairwise(words):
        if word.text.endswith(","):
            end, start = (round(time * audio.rate) for time in (word.end, following.start))
            assert start - end > 0.1 * audio.rate
            assert not loud[end + 220:start - 25].any() and loud[end - 1100:end].any()
            assert loud[start:start + 1100].any()


def test_sentences_for_a_language_model_are_said_nowhere(tmp_path: Path) -> None:
    done = evalkit("corpus", "sentences", DATASETS / "requests", "-n", 300, "--reuse", "survey",
                   "-o", tmp_path / "lm.txt")
    assert done.returncode == 0, done.stderr
    texts = (tmp_path / "lm.txt").read_text().splitlines()
    said = {line.text for line in planned("requests")}
    survey = {line.text for line in planned("accents") if line.split == "survey"}
    others = {line.text for line in planned("accents")} - survey
    assert len(set(texts)) == 300
    assert not set(texts) & (said | others) and set(texts) & survey
    without = other_sentences(shipped("accents"), 300, 0, [shipped("requests")])
    assert len(set(without)) == 300 and without != texts
    assert not set(without) & (said | others | survey)
    with pytest.raises(ConfigError, match=r"no split 'servey' to reuse; .*did you mean 'survey'"):
        other_sentences(shipped("requests"), 1, 0, reuse=["servey"])
