"""`evalkit score` on hypotheses that were made elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import evalkit
from evalkit.core.errors import ConfigError, ManifestError
from evalkit.store.manifest import read_manifest, write_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit as command

LATIN = {"u1": "turn on", "u2": "turn off", "u3": "stop"}
HAN = {"u1": "你好，世界", "u2": "我爱你", "u3": "早上好"}


def corpus(folder: Path, texts: dict[str, str | None], **fields: str) -> Path:
    write_manifest(folder / "m.jsonl", [{"id": name, "text": text, "speaker": name, **fields}
                                        for name, text in texts.items()])
    return folder / "m.jsonl"


def heard(folder: Path, texts: dict[str, str | None], name: str = "text") -> Path:
    (folder / name).write_text("".join(f"{key} {text}\n" for key, text in texts.items()))
    return folder / name


def values(run: RunFolder) -> dict[str, float]:
    return {row.metric: row.value for row in run.summary().scores}


def test_the_unit_is_that_of_the_writing_and_said_before_the_run(tmp_path: Path) -> None:
    said: list[str] = []
    run = evalkit.score(corpus(tmp_path, HAN), {"v": heard(tmp_path, HAN | {"u3": "早 上 坏"})},
                        tmp_path / "run", say=said.append)
    assert values(run)["mixed_error_rate"] == pytest.approx(1 / 10)
    assert values(run)["cer"] == pytest.approx(1 / 10) and "wer" not in values(run)
    note = next(i for i, line in enumerate(said) if line.startswith(
        "note: 3 of 3 references in Han writing, which does not part words by spaces: measuring "
        "mixed_error_rate, cer; not wer"))
    assert note < next(i for i, line in enumerate(said) if " to do, " in line)
    definition = run.record().metrics["mixed_error_rate"].definition
    assert "The unit is the character (Unicode code point) in Han" in definition
    page = evalkit.report(run.path, tmp_path / "page").read_text()
    assert "Mixed error rate" in page and "The unit is the character" in page


def test_words_are_not_counted_where_there_are_none_unless_asked(tmp_path: Path) -> None:
    manifest, hypotheses = corpus(tmp_path, HAN), {"v": heard(tmp_path, HAN)}
    with pytest.raises(ConfigError, match="wer: no reference has words to count: Han writing does "
                       "not part words by spaces; measure mixed_error_rate or cer, or wer with"):
        evalkit.score(manifest, hypotheses, tmp_path / "run", metrics=["wer"])
    assert not (tmp_path / "run").exists()
    run = evalkit.score(manifest, hypotheses, tmp_path / "run", metrics=["wer:unit=space"])
    assert values(run)["wer"] == 0
    with pytest.raises(ConfigError, match="no reference has words to count"):
        evalkit.rescore(tmp_path / "run", metrics=["wer"])


@pytest.mark.parametrize("texts", [LATIN | {"u2": "สวัสดี"}, LATIN | {"u2": "カタカナ on"},
                                   LATIN | {"u2": "ខ្មែរ"}, LATIN | {"u2": "မြန်မာ"}])
def test_an_utterance_without_words_is_named_and_counted(
        tmp_path: Path, texts: dict[str, str | None]) -> None:
    said: list[str] = []
    run = evalkit.score(corpus(tmp_path, texts), {"v": heard(tmp_path, texts)}, tmp_path / "run",
                        metrics=["wer"], say=said.append)
    failed = run.scores().query("metric == 'wer'").set_index("utterance_id")["error"].dropna()
    assert list(failed.index) == ["u2"] and failed["u2"].startswith("NoWords: ")
    item, = run.record().left_out
    assert (item.what, item.where, item.n, item.names) == ("utterance", "wer", 1, ("u2",))
    assert f"note: {item}" in said


SCRIPTS = {"Han": "今天天气很好", "Thai": "วันนี้อากาศดี", "kana": "きょうはいいてんき"}


@pytest.fixture(scope="module", params=[
    ("Han", 1), ("Thai", 20), ("kana", 21), ("Han", 100)], ids=str)
def mixed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
          ) -> tuple[Path, int, str]:
    """A run of 200 utterances of 40 speakers, the first references in a script without words, by
    two systems that hear "off" for "on" in every third and every fifth utterance; how many those
    are, and what was said."""
    (script, n), folder = request.param, tmp_path_factory.mktemp("mixed")
    texts = [SCRIPTS[script] if i < n else "turn on the light" for i in range(200)]
    write_manifest(folder / "m.jsonl", [
        {"id": f"u{i}", "text": text, "speaker": f"s{i % 40}", "sex": "fm"[i % 2]}
        for i, text in enumerate(texts)])
    for name, wrong in (("a", 3), ("b", 5)):
        heard(folder, {f"u{i}": text if i % wrong else text.replace("on", "off")
                       for i, text in enumerate(texts)}, name)
    done = command("score", "-m", "m.jsonl", "-y", "a", "-y", "b", "-o", "run", "--max-failed", "0",
                   cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run", n, done.stderr


def test_a_few_references_without_words_do_not_take_the_others_word_error_rate_away(
        mixed: tuple[Path, int, str]) -> None:
    run, n, said = RunFolder(mixed[0]), *mixed[1:]
    facts, scores = run.record().metrics, run.scores().query("pipeline == 'a'")
    wrong = sum(1 for i in range(n, 200) if i % 3 == 0)
    note, = (line for line in said.splitlines() if "measuring" in line)
    assert said.index(note) < said.index(" to do, ") and f"note: {n} of 200 references in" in note
    mixed_rate = scores.query("metric == 'mixed_error_rate'")
    assert mixed_rate["error"].isna().all() and mixed_rate["amount"].sum() == wrong
    assert mixed_rate["weight"].sum() > 4 * (200 - n) and ("wer" in facts) == (n <= 20)
    if n > 20:
        assert "measuring mixed_error_rate, cer; not wer" in note and not run.record().left_out
        return
    rows = scores.query("metric == 'wer'")
    assert note.endswith("measuring wer, mixed_error_rate, cer; wer of the others alone")
    assert (rows["amount"].sum(), rows["weight"].sum()) == (wrong, 4 * (200 - n))
    item, = run.record().left_out
    assert (item.what, item.where, item.n) == ("utterance", "wer", n)


@pytest.mark.parametrize("words", [
    ("groups", "run", "--by", "sex"), ("systems", "run"), ("cohorts", "run", "--finder", "tree"),
    ("compare", "run", "run")],
    ids=lambda words: words[0])
def test_a_command_without_a_metric_follows_the_run(
        mixed: tuple[Path, int, str], words: tuple[str, ...]) -> None:
    run, n, _ = mixed
    done = command(*words, cwd=run.parent)
    assert done.returncode == 0, done.stderr
    metric = "wer" if n <= 20 else "mixed_error_rate"
    if words[0] != "compare":
        assert f"metric: {metric}, the most important one of the run; --metric" in done.stderr
        asked = command(*words, "--metric", metric, cwd=run.parent)
        assert (asked.returncode, asked.stdout) == (0, done.stdout)
        assert "most important" not in asked.stderr


def test_korean_and_vietnamese_have_words(tmp_path: Path) -> None:
    texts = {"u1": "안녕 하세요", "u2": "xin chào"}
    run = evalkit.score(corpus(tmp_path, texts), {"v": heard(tmp_path, {**texts, "u2": "xin"})},
                        tmp_path / "run")
    assert values(run)["wer"] == pytest.approx(1 / 4) and not run.record().left_out


def test_a_ctm_is_read_as_one(tmp_path: Path) -> None:
    (tmp_path / "h").write_text("u1 1 0.00 0.20 turn\nu2 1 1.00 0.20 off\nu1 1 0.20 0.20 on\n"
                                "u2 1 0.50 0.20 turn\nu3 1 0.00 0.20 stop\n")
    manifest = corpus(tmp_path, LATIN)
    done = command("score", "-m", manifest, "-y", tmp_path / "h", "-o", tmp_path / "run")
    assert done.returncode == 0 and "h: 3 hypotheses, read as ctm" in done.stderr
    assert values(RunFolder(tmp_path / "run"))["wer"] == 0
    done = command("score", "-m", manifest, "-y", tmp_path / "h", "-o", tmp_path / "other",
                   "--format", "stm")
    assert done.returncode == 2 and "h:1: 'turn' is no time in seconds" in done.stderr


def test_columns_and_what_is_explained(tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("name,said,ours\nu1,x,turn on\nu2,x,turn off\nu3,x,stop\n")
    done = command("score", "-m", corpus(tmp_path, LATIN), "-y", tmp_path / "h.csv", "-o",
                   tmp_path / "run", "--id-key", "name", "--text-key", "ours", "--metric", "wer")
    assert done.returncode == 0, done.stderr
    assert "mer: Match error rate; wer: Word error rate; wil: Word information lost" in done.stdout
    assert "condition given: what was heard, and how, is not known here" in done.stderr
    assert "h of audio" not in done.stderr
    assert values(RunFolder(tmp_path / "run"))["wer"] == 0


@pytest.mark.parametrize(("make", "hint"), [
    (lambda name: f"/data/{name}.wav", "3 of 3 would match without folder and suffix"),
    (str.upper, "3 of 3 would match in one case"),
    (lambda name: f"spk-{name}", "3 of 3 would match without what is before the first - or _"),
    (lambda name: f"{name}_00", "3 of 3 would match without what is after the last - or _"),
    (lambda name: f"x{name}y", "those of the manifest such as 'u1'"),
])
def test_a_file_that_misses_every_utterance_is_refused(tmp_path: Path, make, hint: str) -> None:
    path = heard(tmp_path, {make(name): text for name, text in LATIN.items()})
    with pytest.raises(ManifestError, match="holds no utterance of the manifest") as caught:
        evalkit.score(corpus(tmp_path, LATIN), {"v": path}, tmp_path / "run")
    assert str(caught.value).endswith(hint)


def test_a_manifest_whose_ids_are_paths_is_met_by_the_users_own_key(tmp_path: Path) -> None:
    manifest = corpus(tmp_path, {f"clips/{name}.mp3": text for name, text in LATIN.items()})
    path = tmp_path / "heard.csv"
    path.write_text("filename,pred\n" + "".join(
        f"clips/{name}.mp3,{text}\n" for name, text in LATIN.items()))
    with pytest.raises(ManifestError, match=r"3 of 3 would match without .* unless --id-key names"):
        evalkit.score(manifest, {"v": path}, tmp_path / "run")
    run = evalkit.score(manifest, {"v": path}, tmp_path / "run", id_key="filename")
    assert values(run)["wer"] == 0


def test_strangers_and_repetitions_are_in_the_ledger(tmp_path: Path) -> None:
    path = heard(tmp_path, LATIN | {"u9": "what"})
    path.write_text(path.read_text() + "u1 turn on\n")
    run = evalkit.score(corpus(tmp_path, LATIN), {"v": path}, tmp_path / "run")
    assert {(item.what, item.why, item.names) for item in run.record().left_out} == {
        ("hypothesis", "the same id and text again", ("u1",)),
        ("hypothesis", "no such utterance in the manifest", ("u9",))}


def test_manifest_and_hypotheses_in_each_others_place_are_noticed(tmp_path: Path) -> None:
    manifest = corpus(tmp_path, LATIN)
    made = tmp_path / "h.jsonl"
    made.write_text("".join(json.dumps({"id": name, "hypothesis": text}) + "\n"
                            for name, text in LATIN.items()))
    with pytest.raises(ConfigError, match=r"no utterance has a text .* in each other's place"):
        evalkit.score(made, {"v": manifest}, tmp_path / "run")
    with pytest.raises(ManifestError, match="'text' may be what was said"):
        evalkit.score(manifest, {"v": manifest}, tmp_path / "run")


def test_scoring_keeps_paths_as_a_run_does(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "secret.wav").write_bytes(b"RIFF secret")
    (tmp_path / "corpus").mkdir()
    texts = {**LATIN, "u3": "gone"}
    manifest = corpus(tmp_path / "corpus", texts, audio="../secret/secret.wav")
    hypotheses = {"v": heard(tmp_path, LATIN)}
    run = evalkit.score(manifest, hypotheses, tmp_path / "run")
    assert values(run)["wer"] == pytest.approx(1 / 5)  # texts need no audio
    item, = run.record().left_out
    assert (item.what, item.n, item.names) == ("recording", 3, ("line 1", "line 2", "line 3"))
    assert run.utterances()["audio"].isna().all() and not run.record().config.outside
    evalkit.report(run.path, tmp_path / "page")
    assert not list((tmp_path / "page").rglob("*.wav"))
    assert evalkit.rescore(run.path, metrics=["cer"]).utterances()["text"].notna().all()
    allowed = evalkit.score(manifest, hypotheses, tmp_path / "allowed", outside=True)
    assert allowed.record().config.outside and not allowed.record().left_out
    evalkit.report(allowed.path, tmp_path / "page2")
    assert list((tmp_path / "page2").rglob("*.wav"))


def test_a_manifest_keeps_the_utterances_of_recordings_that_it_may_not_use(tmp_path: Path) -> None:
    manifest = corpus(tmp_path, LATIN, audio="../x.wav", reference_audio="y.wav")
    assert not read_manifest(manifest).utterances
    read = read_manifest(manifest, texts_only=True)
    assert [u.audio for u in read.utterances] == [None] * 3
    assert all(u.reference_audio == tmp_path / "y.wav" for u in read.utterances)
    assert [problem.line for problem in read.silenced] == [1, 2, 3]


def test_a_failure_is_one_of_all_utterances_and_no_score_is_gone_with_it(tmp_path: Path) -> None:
    """Nor does it fail under names that are measured of other utterances alone, such as words
    invented in silence."""
    manifest = corpus(tmp_path, LATIN)
    some = {"v": heard(tmp_path, {"u1": "turn on", "u2": "turn off"}, "some")}
    base = evalkit.score(manifest, some, tmp_path / "base")
    assert [(each.n, each.of) for each in base.summary().failures] == [(1, 3)]
    assert all("hallucination" not in each.metrics for each in base.summary().failures)
    candidate = evalkit.score(manifest, {"v": heard(tmp_path, LATIN)}, tmp_path / "candidate")
    problems = evalkit.compare(base.path, candidate.path).problems
    assert problems and not [line for line in problems if "gone" in line]
    back = evalkit.compare(candidate.path, base.path).problems
    assert "v, given, wer: 1 failure that the base did not have: 'u3'" in back


def test_cohorts_of_what_nobody_has_a_value_of_are_not_looked_for(tmp_path: Path) -> None:
    """Nothing found would say that all are served alike."""
    silent = dict.fromkeys(LATIN, "")
    run = evalkit.score(corpus(tmp_path, silent), {"v": heard(tmp_path, LATIN)}, tmp_path / "run")
    with pytest.raises(ConfigError, match="wer has no value of anybody"):
        evalkit.cohorts(run.path, metric="wer")


def test_rows_that_are_no_utterances_count_as_failed(tmp_path: Path) -> None:
    rows = "".join(f'{{"id": "u{i}", "text": "on"}}\n' if i % 3 else "none\n" for i in range(12))
    (tmp_path / "m.jsonl").write_text(rows)
    (tmp_path / "h.tsv").write_text("".join(f"u{i}\ton\n" for i in range(12)))

    def said(*more: str) -> tuple[int, str]:
        done = command("score", "-m", tmp_path / "m.jsonl", "-y", tmp_path / "h.tsv",
                       "-o", tmp_path / "run", *more)
        return done.returncode, done.stderr

    code, text = said()
    assert code == 2
    assert ("error: 4 of 12 rows of the corpus are left out, more than --max-failed 0.25 allows"
            in text)
    code, text = said("--max-failed", "0.4")
    assert code == 0 and "4 rows left out" in text
