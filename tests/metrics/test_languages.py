"""Sessions of several languages: whose words are wrong, which are heard in the wrong language, and
how soon a recognizer follows. Cases that were worked out by hand, a law, and the command line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.types import Event, Hypothesis, Measurement, Output, Utterance, Word
from evalkit.metrics.language_switch import LanguageSwitch
from evalkit.metrics.languages import LanguageErrors, Vocabulary
from evalkit.metrics.words import WordErrors

LISTS = {"en": "turn\non the\nlight\nno\nstop", "es": "enciende\nla luz\nno\nniño",
         "de": "schalte\ndas\nlicht"}
SAID = "Turn on the light, enciende la luz!"
SPOKEN = ["en"] * 4 + ["es"] * 3


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lists")
    for language, known in LISTS.items():
        (folder / f"{language}.txt").write_text(known, encoding="utf-8")
    return folder


def measure(metric, heard, text=SAID, languages=SPOKEN):
    return metric.measure(Utterance("u", text=text, metadata={"languages": json.dumps(languages)}),
                          Output(hypothesis=Hypothesis(heard)))


@pytest.mark.parametrize(("heard", "en", "es", "confused"), [
    (SAID, (0, 4), (0, 3), {}),
    ("turn on the luz enciende la luz", (1, 4), (0, 3), {"en_as_es": 1}),
    ("turn on the lamp enciende la luz", (1, 4), (0, 3), {}),  # every letter is also Spanish
    ("turn on the light turn licht luz", (0, 4), (2, 3), {"es_as_en": 1, "es_as_de": 1}),
    ("turn on the ñ enciende la luz", (1, 4), (0, 3), {"en_as_es": 1}),  # by its letter
    ("turn on the light no enciende la luz", (1, 4), (0, 3), {}),  # of two languages: of none
    ("turn on the light la enciende la luz", (0, 4), (1, 3), {}),  # inserted where es begins
    ("turn on the light das enciende la luz", (1, 4), (0, 3), {"en_as_de": 1}),
    ("turn on stop the light enciende la luz", (1, 4), (0, 3), {}),
    ("das turn on the light enciende la luz stop", (1, 4), (1, 3),
     {"en_as_de": 1, "es_as_en": 1}),
    ("", (4, 4), (3, 3), {}),
])
def test_words_of_each_language_and_those_heard_in_another(lists, heard, en, es, confused):
    found = measure(LanguageErrors(lists=lists), heard)
    assert found["language_wer_en"] == Measurement(*en)
    assert found["language_wer_es"] == Measurement(*es)
    assert found["language_wer_de"] == Measurement(0, 0)
    parts = {name.removeprefix("language_confusion."): one for name, one in found.items()
             if name.startswith("language_confusion.")}
    assert {name: one.amount for name, one in parts.items() if one.amount} == confused
    assert found["language_confusion"] == Measurement(sum(confused.values()), len(heard.split()))
    assert parts["en_as_es"].weight + parts["es_as_en"].weight == len(heard.split())
    assert found.keys() == LanguageErrors(lists=lists).facts.keys()


TOKENS = st.lists(st.sampled_from(["turn", "light", "luz", "no", "licht", "ñ"]), max_size=8)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["turn", "luz", "das"]),
                          st.sampled_from(["en", "es", "de"])), min_size=1, max_size=8), TOKENS)
def test_the_languages_add_up_to_all_words(lists, said, heard):
    text, hypothesis = " ".join(word for word, _ in said), " ".join(heard)
    found = measure(LanguageErrors(lists=lists), hypothesis, text, [one for _, one in said])
    whole = measure(WordErrors(), hypothesis, text)
    for part in ("", ".substitutions", ".deletions", ".insertions", ".hits"):
        of_each = [found[f"language_wer_{language}{part}"] for language in LISTS]
        assert sum(one.amount for one in of_each) == whole[f"wer{part}"].amount
        assert sum(one.weight for one in of_each) == whole[f"wer{part}"].weight


def test_a_word_is_of_the_language_that_alone_has_it():
    known = Vocabulary({"en": frozenset({"no", "stop"}), "es": frozenset({"no", "niño"})})
    assert [known.language_of(word) for word in ("stop", "niño", "no", "ñ", "o", "xyz", "tops")] \
        == ["en", "es", None, "es", None, None, "en"]


def test_what_cannot_be_measured_is_said(lists, tmp_path):
    metric = LanguageErrors(lists=lists)
    for languages, why in ((["en"] * 6, "names 6 languages of a text of 7 words"),
                           (["en"] * 6 + ["fr"], "'fr', of which .* has no list"), ([], "names 0")):
        with pytest.raises(UtteranceError, match=why) as refused:
            measure(metric, SAID, languages=languages)
        assert refused.value.kind == "BadLanguages"
    (tmp_path / "en.txt").write_text("turn")
    with pytest.raises(ConfigError, match="two languages or more"):
        LanguageErrors(lists=tmp_path)
    (tmp_path / "e n.txt").write_text("turn")
    with pytest.raises(ConfigError, match="part of a score's name"):
        LanguageErrors(lists=tmp_path)
    for make in (lambda: LanguageErrors(lists=lists, alternatives=True),
                 lambda: LanguageSwitch(alternatives=True)):
        with pytest.raises(ValueError, match="alternatives"):
            make()
    (tmp_path / "e n.txt").rename(tmp_path / "es.txt")
    before = LanguageErrors(lists=tmp_path).version
    (tmp_path / "es.txt").write_text("luz")
    assert LanguageErrors(lists=tmp_path).version != before != metric.version


THREE = "turn on enciende luz stop"
TIMED = [("turn", 0.0, 0.5), ("on", 0.5, 1.0), ("enciende", 2.0, 2.5), ("luz", 2.5, 3.0),
         ("stop", 4.0, 4.5)]
IN = ["en", "en", "es", "es", "en"]


@pytest.mark.parametrize(("shown", "words", "delay", "missed"), [
    # the first word at 2.6: 600 ms; stop at 4.7: 700 ms
    ([(1.0, "turn on"), (2.6, "turn on enciende"), (4.7, THREE)], TIMED, (1300, 2), 0),
    # enciende never comes; luz at 3.1: 1100 ms; stop at 5.0: 1000
    ([(2.6, "turn on and"), (3.1, "turn on and luz"), (5.0, "turn on and luz stop")], TIMED,
     (2100, 2), 0),
    # no word of Spanish is right in the end, though one was shown
    ([(2.6, "turn on enciende"), (3.1, "turn on and loose"), (5.0, "turn on and loose stop")],
     TIMED, (1000, 1), 1),
    # guessed before it was said: 1.9 is 100 ms early
    ([(1.9, "turn on enciende"), (4.0, THREE)], TIMED, (-100, 2), 0),
    ([(5.0, "")], TIMED, (0, 0), 2),
    # nobody knows when enciende was said: that switch has no delay
    ([(5.0, THREE)], [TIMED[0], *TIMED[3:]], (1000, 1), 0),
])
def test_the_delay_of_each_switch(shown, words, delay, missed):
    events = [Event(time, text) for time, text in shown]
    events.append(Event(shown[-1][0], shown[-1][1], "final"))
    utterance = Utterance("u", text=THREE, words=tuple(Word(*word) for word in words),
                          metadata={"languages": " ".join(IN)})
    output = Output(hypothesis=Hypothesis(shown[-1][1], events=tuple(events)))
    found = LanguageSwitch().measure(utterance, output)
    assert found == {"switch_delay": Measurement(*delay), "missed_switches": Measurement(missed, 2)}
