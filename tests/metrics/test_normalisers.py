from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whisper_normalizer.english import EnglishTextNormalizer

from evalkit.core.errors import ConfigError
from evalkit.metrics.normalisers import canonical, normaliser

NAMES = ["none", "basic", "whisper_english"]


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match="'bsic'; there are none, basic, whisper_english"):
        normaliser("bsic")


def test_versions_name_the_rules_and_where_they_come_from():
    assert normaliser("none").version == "none-1"
    assert normaliser("basic").version.startswith("basic-1 canonical-1 Unicode ")
    assert normaliser("whisper_english").version.startswith("whisper_english whisper_normalizer ")


@given(st.sampled_from(["none", "basic"]), st.text())
def test_normalising_twice_changes_nothing(name, text):
    once = normaliser(name)(text)
    assert normaliser(name)(once) == once


@given(st.sampled_from(NAMES), st.text())
def test_words_are_separated_by_single_spaces(name, text):
    normalised = normaliser(name)(text)
    assert normalised == " ".join(normalised.split())


@given(st.text(alphabet="aéß'字ह"))
def test_basic_does_not_see_unicode_form_or_case(text):
    basic = normaliser("basic")
    assert basic(unicodedata.normalize("NFD", text)) == basic(text)
    assert basic(text.upper()) == basic(text)


@pytest.mark.parametrize(("text", "expected"), [
    ("two\u00a0words,\u2003please\u3000now", "two words please now"),
    ("don’t DON'T donʼt don´t don`t don＇t", "don't don't don't don't don't don't"),
    ("‘Tis the dogs' “bone”", "tis the dogs bone"),
    ("rock 'n' roll", "rock n roll"),
    ("well-known—fact… (really!)", "well known fact really"),
    ("ﬁne ｆｕｌｌ Straße", "fine full strasse"),
    ("soft\u00adhyphen \ufeffmark", "softhyphen mark"),
    ("ไทย\u200bนะ", "ไทย นะ"),
    ("हिन्दी भाषा।", "हिन्दी भाषा"),
    ("தமிழ், ‘क्\u200dष’", "தமிழ் क्\u200dष"),
    ("...!", ""), ("' ' ''", ""), ("", ""),
])
def test_basic(text, expected):
    assert normaliser("basic")(text) == expected


def test_none_keeps_all_but_whitespace():
    assert normaliser("none")(" Don’t,\u00a0 stop!\n") == "Don’t, stop!"


@pytest.mark.parametrize(("text", "expected"), [
    ("I don’t know, uh, colour", "i do not know color"),
    ("twenty\u00a0one dollars", "$21"),
    ("[laughs] um", ""), ("uh", ""),
])
def test_whisper_english(text, expected):
    assert normaliser("whisper_english")(text) == expected


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="`")))
def test_whisper_english_is_whispers_on_ascii(text):
    assert (normaliser("whisper_english")(text)
            == " ".join(EnglishTextNormalizer()(" ".join(text.split())).split()))


def test_canonical_form_keeps_case_and_punctuation():
    assert canonical(" It’s\u00a0OK… ") == "It's OK..."
