"""Results that others published, each from its files as they are to groups and page in one command
or two."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import jiwer
import pandas as pd
import pytest

from evalkit.core.config import read_config
from evalkit.run.utterances import read_corpus
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import summarise
from tests.conftest import evalkit

DOCUMENT = (Path(__file__).parents[2] / "docs" / "text.md").read_text()
PUBLISHED = [shlex.split(line)[1:]
             for block in re.findall(r"^```sh\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
             for line in block.splitlines()]
"""The commands that docs/text.md shows, without the name of the program."""


def run_cli(*words: object, cwd: Path | None = None) -> str:
    result = evalkit(*words, cwd=cwd)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def groups(run: Path, *columns: str, **options: str) -> dict[str, dict[str, dict[str, object]]]:
    """Rows of the group table of each column, by the name of the group."""
    words = [word for column in columns for word in ("--by", column)]
    words += [word for name, value in options.items() for word in (f"--{name}", value)]
    reports = json.loads(run_cli("groups", run, *words, "--json"))
    return {column: {row["group"]: row for row in report["rows"]}
            for column, report in zip(columns, reports, strict=True)}


def shown(page: Path) -> set[str]:
    """The words of the page's cells and headings."""
    text = (page / "index.html").read_text(encoding="utf-8")
    return set(re.split(r"[\s<>]+", re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)))


def counts(run: Path) -> pd.DataFrame:
    """Amounts by pipeline and utterance, a column a metric."""
    return RunFolder(run).scores().pivot(index=["pipeline", "utterance_id"], columns="metric",
                                         values="amount")


NEMO, MEDIUM, SMALL = ("nvidia-nemo-conformer-transducer-large", "openai-whisper-medium",
                       "openai-whisper-small")


@pytest.fixture(scope="module")
def afrispeech(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of three recognizers on AfriSpeech, a table each."""
    out = tmp_path_factory.mktemp("afrispeech") / "run"
    tables = sorted((real_data / "asr_results" / "afrispeech_dev").glob("*.csv"))
    run_cli("score", *tables, "--system", "name", "--normaliser", "none", "--metric", "wer",
            "--out", out, "--workers", "0", "--report", out.with_name("page"))
    return out


def test_every_row_of_afrispeech_has_the_errors_that_were_published(
        afrispeech: Path, real_data: Path) -> None:
    scores = RunFolder(afrispeech).scores().query("metric == 'wer'")
    rate = {name: rows["amount"].sum() / rows["weight"].sum()
            for name, rows in scores.groupby("pipeline", observed=True)}
    assert {name: round(value, 6) for name, value in rate.items()} == {
        NEMO: 0.442947, MEDIUM: 0.273173, SMALL: 0.342553}
    ours = scores.assign(wer=scores["amount"] / scores["weight"]).set_index(
        ["pipeline", "utterance_id"])["wer"]
    for path in sorted((real_data / "asr_results" / "afrispeech_dev").glob("*.csv")):
        table = pd.read_csv(path, dtype={"idx": str})
        name = table["name"][0].replace("/", "-")
        theirs = table.set_index("idx")["wer"]
        assert (ours[name][theirs.index] - theirs).abs().max() < 1e-9


def test_groups_of_afrispeech(afrispeech: Path) -> None:
    found = groups(afrispeech, "gender", "country", "age_group", pipeline=MEDIUM)
    assert {"isizulu", NEMO} <= shown(afrispeech.with_name("page"))
    assert {name: row["status"] for name, row in found["gender"].items()} == {
        "Male": "ok", "Female": "ok", "Other": "insufficient"}
    assert "unknown" in {row["status"] for row in found["age_group"].values()}
    assert sum(row["n"] for row in found["country"].values()) == 2872
    for rows in found.values():
        for row in rows.values():
            if row["status"] == "ok":
                assert row["value"]["low"] < row["value"]["value"] < row["value"]["high"]
                assert row["gap"]["p_adjusted"] >= row["gap"]["p_value"]


def test_systems_of_afrispeech_are_told_apart(afrispeech: Path) -> None:
    pairs = {(pair["a"], pair["b"]): pair for pair in
             json.loads(run_cli("systems", afrispeech, "--json"))}
    assert pairs[NEMO, MEDIUM]["difference"]["low"] > 0
    assert pairs[MEDIUM, SMALL]["difference"]["high"] < 0
    assert pairs[NEMO, SMALL]["difference"]["low"] > 0
    assert all(pair["matched_pairs"]["p_value"] < 0.001 for pair in pairs.values())


def test_librispeech_has_the_counts_of_its_authors_and_groups_by_sex(
        real_data: Path, tmp_path: Path) -> None:
    """Tables without a header; the speaker is in the id, the sex in LibriSpeech's own list."""
    folder = real_data / "asr_results" / "librispeech_test-clean"
    said = {path.name.split(".")[1]: path for path in sorted(folder.glob("*.tsv.result"))}
    systems = [word for name, path in said.items() for word in
               ("-y", f"{name}={path.with_suffix('')}")]
    run_cli("score", folder / "ref.tsv", *systems, "--join",
            real_data / "librispeech_test-other" / "SPEAKERS.TXT", "--normaliser", "none",
            "--costs", "sclite", "--metric", "wer", "--out", tmp_path / "run", "--workers", "0",
            "--report", tmp_path / "page")
    assert {"b1", "b2", "s5", "SEX"} <= shown(tmp_path / "page")
    ours = counts(tmp_path / "run").groupby("pipeline", observed=True).sum()
    assert list(ours.index) == ["b1", "b2", "s5"]
    for name, path in said.items():
        found = re.search(r"ref_words=(\d+), subs=(\d+), ins=(\d+), dels=(\d+)", path.read_text())
        words, subs, ins, dels = map(int, found.groups())
        assert [ours.loc[name, f"wer.{kind}"] for kind in (
            "substitutions", "insertions", "deletions", "hits")] == [
                subs, ins, dels, words - subs - dels]
    sexes = groups(tmp_path / "run", "SEX", pipeline="s5")["SEX"]
    assert {name: row["n_speakers"] for name, row in sexes.items()} == {"F": 20, "M": 20}
    run_cli("score", tmp_path / "run", "--metric", f"b_wer:common={folder / 'common_words_5k.txt'}",
            "--costs", "levenshtein", "--workers", "0")
    rates = summarise(RunFolder(tmp_path / "run").scores()).set_index(["pipeline", "metric"])
    for name, path in said.items():
        for line in path.read_text().splitlines()[1:]:
            words, rate = (float(re.search(rf"{key}=([\d.]+)", line)[1])
                           for key in ("ref_words", "error_rate"))
            ours = rates.loc[(name, f"{line[0].lower()}_wer")]
            assert words == ours["weight"] == {"B": 5_761, "U": 46_815}[line[0]]
            assert rate == pytest.approx(100 * ours["value"], rel=1e-14)


def test_svarah_has_the_counts_of_every_row_from_texts_and_from_counts(
        real_data: Path, tmp_path: Path) -> None:
    """By the commands that docs/text.md shows, and from the raw texts."""
    table = real_data / "asr_results" / "svarah_10systems" / "per_utterance.csv"
    (tmp_path / table.name).symlink_to(table)
    raw = evalkit("score", table, "--normaliser", "whisper_english", "--metric", "wer",
                  "--out", tmp_path / "runs" / "texts", "--workers", "0")
    assert ("hint: per_utterance.csv also has texts that look normalised (--ref "
            "normalized_reference --hyp normalized_hypothesis --normaliser none scores them as "
            "they are) and counts of errors (--count hits=hits takes") in raw.stderr
    for words in PUBLISHED[:2]:
        page = ["--report", tmp_path / "page"] if "--count" in words else []
        run_cli(*words, "--workers", "0", *page, cwd=tmp_path)
    assert {"sarvam_saaras_v4", "audio_seconds"} <= shown(tmp_path / "page")
    published = pd.read_csv(table).set_index(["backend_id", "eval_id"])
    assert len(published) == 2000
    for run in ("texts", "normalised", "counted"):
        ours = counts(tmp_path / "runs" / run).loc[published.index]
        for kind in ("hits", "substitutions", "deletions", "insertions"):
            assert (ours[f"wer.{kind}"] == published[kind]).all(), (run, kind)
    found = groups(tmp_path / "runs" / "counted", "audio_seconds", pipeline="sarvam_saaras_v4")
    assert sum(row["n"] for row in found["audio_seconds"].values()) == 200


def test_librispeech_has_the_counts_of_sclite(real_data: Path, tmp_path: Path) -> None:
    """Which NIST's program gave, by the command that docs/text.md shows."""
    folder = real_data / "asr_results" / "librispeech_test-clean"
    for name, system in (("ref.tsv", "ref.tsv"), ("b1.tsv", "test-clean.b1.rnnt_baseline.tsv")):
        (tmp_path / name).symlink_to(folder / system)
    run_cli(*PUBLISHED[2], "--workers", "0", cwd=tmp_path)
    ours = counts(tmp_path / "runs" / "sclite").loc["b1"].sum()
    assert [ours[f"wer.{kind}"] for kind in ("substitutions", "deletions", "insertions")] == [
        1501, 225, 195]


def test_common_voice_dev_agrees_with_jiwer_and_has_groups_and_page(
        real_data: Path, tmp_path: Path) -> None:
    path = real_data / "asr_results" / "common_voice_dev_wav2vec2" / "cv-valid-dev.csv"
    run_cli("score", path, "--metric", "wer", "--out", tmp_path / "run", "--workers", "0",
            "--report", tmp_path / "page")
    table = pd.read_csv(path, keep_default_na=False)
    theirs = jiwer.process_words(*(
        [re.sub(r"\B'|'\B", "", text.lower()) for text in table[column]]
        for column in ("text", "generated_text")))
    ours = counts(tmp_path / "run").sum()
    assert [ours[f"wer.{kind}"] for kind in ("hits", "substitutions", "deletions", "insertions")
            ] == [theirs.hits, theirs.substitutions, theirs.deletions, theirs.insertions]
    found = groups(tmp_path / "run", "accent", "gender", "age")
    assert {"us", "england", "indian", "unknown"} <= found["accent"].keys()
    assert sum(row["n"] for row in found["gender"].values()) == 4076
    page = (tmp_path / "page" / "index.html").read_text()
    assert "accent" in page and "england" in page


@pytest.mark.parametrize(("folder", "said"), [
    ("speechocean762", "1,500 utterances of 125 speakers; metadata to group by: gender, age"),
    ("fsdd", "1,200 utterances of 6 speakers; metadata to group by:"),
    *((f"common_voice/{language}", "100 utterances of") for language in (
        "en", "de", "fr", "es", "ca"))])
def test_a_corpus_as_it_is_begins_with_one_command(
        real_data: Path, tmp_path: Path, folder: str, said: str) -> None:
    out = tmp_path / "eval.yaml"
    run_cli("init", real_data / folder, "--out", out)
    assert said in out.read_text().splitlines()[0]
    config = read_config(out, ["where=[gender=female]"] if "voice" in folder else [])
    read = read_corpus(config)
    assert read.utterances and not read.unusable
    if "voice" in folder:
        assert {u.metadata["gender"] for u in read.utterances} == {"female"}
        assert sum(item.n for item in read.unwanted) == 100 - len(read.utterances)


@pytest.mark.parametrize(("folder", "only", "group"), [
    ("speechocean762", "age<8", "female"), ("fsdd", "speaker!=theo", "jackson"),
    ("common_voice/de", "gender=female", "small")])
def test_from_a_corpus_as_it_is_to_its_page_in_two_commands(
        real_data: Path, tmp_path: Path, folder: str, only: str, group: str) -> None:
    run_cli("init", real_data / folder, "--out", tmp_path / "eval.yaml")
    run_cli("run", tmp_path / "eval.yaml", "--out", tmp_path / "run", "--report", tmp_path / "page",
            "--workers", "0", "--set", f"where=[{only}]", "--set", "per_speaker=1", "--set",
            "pipelines=[{name: small, recognizer: reference}]")
    assert {"small", "wer", group} <= shown(tmp_path / "page")
