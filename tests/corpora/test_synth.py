"""The synthetic corpus: the same bytes from a seed, disjoint splits, nothing half made."""

from __future__ import annotations

import json
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest
import soundfile

from evalkit.audio import active_power, decibel
from evalkit.core.errors import ConfigError
from evalkit.corpora.synthesis import corpus as synth
from evalkit.corpora.synthesis import espeak, places
from evalkit.corpora.synthesis.config import read_synth_config
from evalkit.corpora.synthesis.corpus import synthesise
from evalkit.corpora.synthesis.grammars.requests import SLOTS
from evalkit.corpora.synthesis.plan import Speaker, plan
from evalkit.corpora.synthesis.sentences import FEWEST_WORDS, MOST_WORDS, distinct_sentences
from evalkit.recordings.reading import load
from evalkit.store.manifest import read_manifest

from .conftest import tiny_config

DEFAULT = Path(__file__).parents[2] / "datasets" / "accents" / "corpus.yaml"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def test_bytes_do_not_depend_on_workers(tiny_corpus: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    synthesise(tiny_config(), tmp_path, workers=2, progress=lambda *counts: seen.append(counts))
    assert contents(tmp_path) == contents(tiny_corpus)
    assert seen == [(n, 12) for n in range(1, 13)]


def test_another_seed_gives_another_corpus() -> None:
    ours, theirs = ([line.text for line in plan(tiny_config(seed=seed))] for seed in (5, 6))
    assert not set(ours) & set(theirs)


@pytest.mark.parametrize("variant", ["m3", "f1", "aunty"])
def test_speech_does_not_depend_on_what_was_said_before(variant: str) -> None:
    voice = espeak.Voice("gmw/en-US", variant, 160, 50, 50)
    first = espeak.speak("please switch off the kitchen light", voice).audio
    espeak.speak("she sells sea shells", espeak.Voice("gmw/en-029", "f4", 120, 70, 40))
    again = espeak.speak("please switch off the kitchen light", voice).audio
    np.testing.assert_array_equal(first.samples, again.samples)


def test_every_voice_is_in_the_library() -> None:
    data = Path(espeakng_loader.get_data_path())
    variants = {path.name for path in (data / "voices" / "!v").iterdir()}
    assert set(espeak.FEMALE + espeak.MALE) <= variants
    assert not set(espeak.FEMALE) & set(espeak.MALE)
    for city in read_synth_config(DEFAULT).accents.values():
        assert (data / "lang" / city.voice).is_file()


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(ConfigError, match="gmw/en-XX"):
        espeak.speak("hello", espeak.Voice("gmw/en-XX", "m1", 160, 50, 50))


def test_accents_sound_different() -> None:
    spoken = [espeak.speak("water the bath plants", espeak.Voice(city.voice, "m1", 160, 50, 50))
              for city in read_synth_config(DEFAULT).accents.values()]
    assert len({speech.audio.samples.tobytes() for speech in spoken}) == 8


def test_recordings_are_what_the_manifest_says(tiny_corpus: Path) -> None:
    for split in ("train", "test"):
        manifest = read_manifest(tiny_corpus / f"{split}.jsonl")
        assert not manifest.problems
        for utterance in manifest.utterances:
            info = soundfile.info(utterance.audio)
            assert (info.samplerate, info.channels, info.format) == (16_000, 1, "FLAC")
            assert info.frames / 16_000 == utterance.duration
            assert utterance.metadata["split"] == split
            audio = load(utterance.audio)
            assert -29.1 < decibel(active_power(audio)) < -22.9
            assert np.abs(audio.samples).max() < 0.999


def test_the_default_corpus_is_as_its_card_says() -> None:
    config = read_synth_config(DEFAULT)
    lines = plan(config)
    of = {split: [line for line in lines if line.split == split] for split in config.splits}
    assert {split: len(items) for split, items in of.items()} == {
        "train": 2415, "dev": 800, "test": 320, "survey": 3200}
    speakers = {split: {line.speaker.id for line in items} for split, items in of.items()}
    assert {split: len(ids) for split, ids in speakers.items()} == {
        "train": 105, "dev": 80, "test": 80, "survey": 400}
    assert len(set.union(*speakers.values())) == 665
    assert len({line.text for line in lines}) == len(lines) == len({line.id for line in lines})
    train = [line.speaker.metadata["accent"] for line in of["train"]]
    assert {accent: train.count(accent) for accent in config.accents} == {
        accent: 2100 if accent == "General American" else 45 for accent in config.accents}
    words = {split: [w for line in items for w in line.text.split()]
             for split, items in of.items()}
    known = set(words["train"])
    assert len(known) > 250
    assert np.mean([word in known for word in words["test"]]) > 0.98


def test_test_speakers_do_not_change_with_the_train_split() -> None:
    def said(speakers: int) -> list[Speaker]:
        splits = {"train": {"speakers": speakers, "utterances": 1},
                  "test": {"speakers": 2, "utterances": 1}}
        return [line.speaker for line in plan(tiny_config(splits=splits)) if line.split == "test"]
    assert [s.voice for s in said(1)] == [s.voice for s in said(2)]


def test_homes_lie_in_their_postcode(tiny_corpus: Path) -> None:
    lines = (tiny_corpus / "postcodes.csv").read_text().splitlines()
    table = {row.split(",")[0]: list(map(float, row.split(",")[1:])) for row in lines[1:]}
    assert len(table) == 2 * places.CELLS**2
    config = tiny_config()
    half = config.spread / places.CELLS
    for line in plan(config):
        home = line.speaker.metadata
        city = config.accents[home["accent"]]
        latitude, longitude, population, *shares = table[home["postcode"]]
        assert abs(home["latitude"] - latitude) <= half + 1e-4
        assert abs(home["longitude"] - longitude) <= half + 1e-4
        assert np.hypot(home["latitude"] - city.latitude,
                        home["longitude"] - city.longitude) <= config.spread + 1e-3
        assert population >= 1
        assert all(0 <= share <= 1 for share in shares)


def test_sentences_are_different_and_of_the_stated_length() -> None:
    sentences = distinct_sentences(SLOTS, np.random.default_rng(0), 3000)
    assert len(set(sentences)) == 3000
    lengths = [len(sentence.split()) for sentence in sentences]
    assert min(lengths) == FEWEST_WORDS
    assert max(lengths) == MOST_WORDS
    assert set("".join(sentences)) <= set("abcdefghijklmnopqrstuvwxyz '")


def test_a_grammar_that_is_too_small_says_so() -> None:
    slots = {**SLOTS, "request": ["turn {on_off} the light"]}
    with pytest.raises(ConfigError, match="after 2 different sentences of the 3"):
        distinct_sentences(slots, np.random.default_rng(0), 3)


def test_made_again_only_when_it_would_differ(tiny_corpus: Path, tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    manifests = {split: tiny_corpus / f"{split}.jsonl" for split in ("train", "test")}

    def refuse(*_: object) -> None:
        raise AssertionError("made again")
    monkeypatch.setattr(synth, "_record", refuse)
    assert synthesise(tiny_config(), tiny_corpus, workers=0) == manifests
    with pytest.raises(AssertionError, match="made again"):
        synthesise(tiny_config(seed=6), tmp_path, workers=0)


def test_interrupted_synthesis_leaves_no_manifest(tmp_path: Path) -> None:
    def interrupt(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt
    synthesise(tiny_config(seed=6), tmp_path, workers=0)
    with pytest.raises(KeyboardInterrupt):
        synthesise(tiny_config(), tmp_path, workers=0, progress=interrupt)
    assert not list(tmp_path.glob("*.jsonl"))
    for path in synthesise(tiny_config(), tmp_path, workers=0).values():
        assert path.exists()


def test_a_manifest_of_the_users_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(json.dumps({"id": "mine"}) + "\n")
    with pytest.raises(ConfigError, match=r"test\.jsonl: was not made by corpus synth"):
        synthesise(tiny_config(), tmp_path, workers=0)
    assert "mine" in (tmp_path / "test.jsonl").read_text()


@pytest.mark.parametrize(("change", "message"), [
    ("seed: -1", "seed"), ("sede: 1", "sede"), ("spread: 0", "spread"),
    ("splits: {validation: {speakers: 1, utterances: 1}}", "splits"),
    ("splits: {dev: {speakers: 1, utterances: 1, instead: {Welsh: {speakers: 1, "
     "utterances: 1}}}}", "Welsh")])
def test_a_wrong_key_is_named(tmp_path: Path, change: str, message: str) -> None:
    key = change.split(":", maxsplit=1)[0]
    kept = DEFAULT.read_text().split("\nsplits:")[0] if key == "splits" else DEFAULT.read_text()
    lines = [line for line in kept.splitlines() if not line.startswith(f"{key}:")]
    path = tmp_path / "corpus.yaml"
    path.write_text("\n".join([*lines, change]))
    with pytest.raises(ConfigError, match=message):
        read_synth_config(path)


def test_words_are_where_they_sound() -> None:
    """In silence between words the samples are 0: an independent truth."""
    voice = espeak.Voice("gmw/en-US", "m3", 150, 50, 50)
    audio, words = espeak.speak("turn, it off, now", voice)
    assert [word.text for word in words] == ["turn,", "it", "off,", "now"]
    loud = np.abs(audio.samples) > 1e-3
    for word, following in ((words[0], words[1]), (words[2], words[3])):
        end, start = (round(time * audio.rate) for time in (word.end, following.start))
        assert start - end > 0.1 * audio.rate
        assert not loud[end + 220:start - 1].any()
        assert loud[end - 1100:end].any()
        assert loud[start:start + 1100].any()
    assert words[1].end == words[2].start
    assert not loud[round(words[-1].end * audio.rate) + 350:].any()


@pytest.mark.parametrize(("text", "expected"), [
    ("turn on the lights", ["turn", "on the", "lights"]),
    ("  it's 25 o'clock - now ", ["it's", "25", "o'clock", "- now"]),
    ("“yes” … no", ["“yes” …", "no"]), ("", [])])
def test_words_of_one_event_stand_as_one(text: str, expected: list[str]) -> None:
    _, words = espeak.speak(text, espeak.Voice("gmw/en-US", "m3", 150, 50, 50))
    assert [word.text for word in words] == expected


def test_the_manifest_has_the_times_of_its_words(tiny_corpus: Path) -> None:
    for utterance in read_manifest(tiny_corpus / "test.jsonl").utterances:
        assert " ".join(word.text for word in utterance.words) == utterance.text
        assert 0 <= utterance.words[0].start < 0.05
        assert utterance.duration - 0.1 < utterance.words[-1].end <= utterance.duration
        assert all(one.end <= other.start for one, other in zip(
            utterance.words, utterance.words[1:], strict=False))
