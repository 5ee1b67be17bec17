"""The command line, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import typer

from evalkit.store.manifest import write_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit, installed, tone


@pytest.mark.parametrize(("words", "code"), [
    (["--version"], 0), (["corpus", "prepare", "--help"], 0), (["train"], 2),
    (["baseline", "freeze", "absent", "-o", "b.json"], 2), (["export", "--help"], 0),
    (["score", "-m", "absent.jsonl", "-y", "h.tsv", "-o", "x"], 2),
    (["compare", "a", "b", "--seed", "-1"], 2)])
def test_the_installed_program_does_the_same(
        words: list[str], code: int, tmp_path: Path) -> None:
    """The other tests call its entry point in their own process, which is quicker."""
    program, called = installed(*words, cwd=tmp_path), evalkit(*words, cwd=tmp_path)
    assert (program.returncode, called.returncode) == (code, code)
    assert (program.stdout, program.stderr) == (called.stdout, called.stderr)


def test_help_has_examples() -> None:
    for command in (["run"], ["score"], ["report"], ["mitigate"], ["corpus", "synth"],
                    ["corpus", "validate"], ["corpus", "prepare"], ["train", "recognizer"]):
        result = evalkit(*command, "--help")
        assert result.returncode == 0 and "Example" in result.stdout, command


def test_examples_of_help_can_be_pasted() -> None:
    shown = evalkit("score", "--help").stdout
    assert ("--speaker user_ids \\\n          --out runs/v2 --report reports/v2\n" in shown)
    assert "--hyp new=col_b --join speakers.csv --out runs/ab\n" in shown, "a line, however long"


@pytest.mark.parametrize(("words", "message"), [
    (["run", "absent.yaml", "--out", "x"], "error: absent.yaml: cannot read the configuration"),
    (["score", "-m", "absent.jsonl", "-y", "h.tsv", "-o", "x"], "error: "),
    (["report", "absent", "--out", "x"], "error: absent/run.json: cannot be read"),
    (["mitigate", "absent.yaml", "-o", "x"], "error: absent.yaml: cannot read the configuration"),
    (["corpus", "validate", "absent.jsonl"], "error: absent.jsonl: cannot read the manifest"),
])
def test_a_mistake_is_one_line_and_exit_code_2(
        tmp_path: Path, words: list[str], message: str) -> None:
    result = evalkit(*words, cwd=tmp_path)
    assert result.returncode == 2
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and lines[0].startswith(message)
    assert "Traceback" not in result.stderr


SCORE = ("score", "-m", "m.jsonl")


@pytest.mark.parametrize(("words", "message"), [
    ([*SCORE, "-y", "v=h.tsv", "-o", "h.tsv"], "h.tsv: cannot be a run folder"),
    ([*SCORE, "-y", "v=h.tsv", "-o", "h.tsv/x"], "h.tsv/x: cannot be a run folder"),
    ([*SCORE, "-y", "v=h.tsv", "-o", "/proc/x"], "/proc/x: cannot be a run folder"),
    ([*SCORE, "-y", "v=h.tsv", "-o", "x", "--metric", "pesq_wb"],
     "--metric pesq_wb: needs audio, which `evalkit score` does not read; possible are cer,"),
    ([*SCORE, "-y", "=h.tsv", "-o", "x"], "--hypotheses =h.tsv: '' cannot be the name"),
    ([*SCORE, "-y", "../../x=h.tsv", "-o", "x"],
     "--hypotheses ../../x=h.tsv: '../../x' cannot be the name of a system"),
    ([*SCORE, "-y", "v=", "-o", "x"], "--hypotheses v=: '' is not a file; write NAME=FILE"),
    ([*SCORE, "-y", "v=.", "-o", "x"], "--hypotheses v=.: '.' is not a file; write NAME=FILE"),
    ([*SCORE, "-y", "a\n\u202eb=h.tsv", "-o", "x"], "--hypotheses a ?b=h.tsv: "),
    (["groups", "absent", "--by", "x"], "absent/run.json: cannot be read"),
    (["systems", "absent"], "absent/run.json: cannot be read"),
    (["cohorts", "absent"], "absent/run.json: cannot be read"),
])
def test_what_cannot_be_read_or_written_is_named(
        tmp_path: Path, words: list[str], message: str) -> None:
    write_manifest(tmp_path / "m.jsonl", [{"id": "a", "text": "one"}])
    (tmp_path / "h.tsv").write_text("a\tone\n")
    result = evalkit(*words, cwd=tmp_path)
    assert result.returncode == 2
    said = [row for row in result.stderr.splitlines() if row.startswith("error: ")]
    assert len(said) == 1 and said[0].startswith(f"error: {message}")


@pytest.mark.parametrize("command", [["groups", "--by", "x"], ["cohorts"], ["systems"],
                                     ["compare", "x"], ["train", "recognizer", "-o", "x"]])
def test_a_seed_is_not_negative(command: list[str]) -> None:
    result = evalkit(*command, "absent", "--seed", "-1")
    assert result.returncode == 2 and "Invalid value for '--seed'" in result.stderr


@pytest.mark.parametrize(("raised", "code"), [
    (ValueError("a\nb"), 2), (BrokenPipeError(32, "Broken pipe"), 2), (EOFError(), 2),
    (SystemExit(1), 2), (typer.Exit(1), 1), (typer.Exit(0), 0), (KeyboardInterrupt(), 130)])
def test_exit_code_1_is_a_regression_only(
        raised: BaseException, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def compare(*_: object, **options: object) -> None:
        raise raised

    monkeypatch.setattr("evalkit.api.compare", compare)
    assert evalkit("compare", "a", "b").returncode == code


@pytest.mark.parametrize("wanted", [False, True])
def test_a_defect_is_one_line_unless_its_traceback_is_wanted(
        wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def compare(*_: object, **options: object) -> None:
        raise ValueError("this\nand that")

    monkeypatch.setattr("evalkit.api.compare", compare)
    monkeypatch.setenv("EVALKIT_TRACEBACK", "1" if wanted else "")
    result = evalkit("compare", "a", "b")
    said = result.stderr.splitlines()
    assert result.returncode == 2
    assert said[-1] == ("error: internal error: ValueError: this and that; please report it, with "
                        "EVALKIT_TRACEBACK=1 for the whole of it")
    assert (len(said) > 1) == wanted == ("Traceback (most recent call last):" in said)


def test_doctor_names_every_plugin() -> None:
    result = evalkit("doctor")
    assert result.returncode == 0
    assert "rnnoise" in result.stdout and "pesq_wb" in result.stdout


FORMATS = [
    ("u8.wav", "PCM_U8", 8_000), ("i16.wav", "PCM_16", 11_025), ("i24.wav", "PCM_24", 16_000),
    ("i32.wav", "PCM_32", 22_050), ("f32.wav", "FLOAT", 44_100), ("f64.wav", "DOUBLE", 48_000),
    ("a.flac", "PCM_16", 32_000), ("b.flac", "PCM_24", 48_000), ("c.mp3", "MPEG_LAYER_III", 24_000),
    ("d.ogg", "VORBIS", 16_000),
]


def test_audio_in_any_common_form_is_read(tmp_path: Path) -> None:
    rows = []
    speech = tone(1.0, 48_000)
    for name, subtype, rate in FORMATS:
        samples = soxr.resample(speech, 48_000, rate)
        stereo = np.stack([np.zeros_like(samples), samples], axis=1)
        soundfile.write(tmp_path / name, stereo, rate, subtype=subtype)
        rows.append({"id": name, "audio": name, "text": "one", "speaker": "s"})
    write_manifest(tmp_path / "m.jsonl", rows)
    (tmp_path / "eval.yaml").write_text(json.dumps({
        "corpus": "m.jsonl", "channel": 1, "metrics": ["pesq_nb", "stoi"],
        "conditions": [{"name": "hum", "noise": "stationary", "snr_db": 15}],
        "pipelines": [{"name": "plain"}]}))
    result = evalkit("run", tmp_path / "eval.yaml", "--out", tmp_path / "run", "-j", 0)
    assert result.returncode == 0, result.stderr
    run = RunFolder(tmp_path / "run")
    assert run.scores()["error"].isna().all() and len(run.scores()) == 2 * len(FORMATS)
    outputs = run.outputs().set_index("utterance_id")
    assert outputs["source_rate"].to_dict() == {name: rate for name, _, rate in FORMATS}
    assert outputs["seconds"].to_numpy() == pytest.approx(1.0, abs=0.06)


def test_nothing_measured_is_exit_code_2(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [{"id": "a", "text": "one"}, {"id": "c"}])
    (tmp_path / "h.tsv").write_text("b\tone\nc\tone\n")
    result = evalkit("score", "-m", tmp_path / "m.jsonl", "-y", tmp_path / "h.tsv",
                     "-o", tmp_path / "run")
    assert result.returncode == 2
    assert "nothing could be measured" in result.stderr
    assert "1 hypothesis left out: no such utterance in the manifest (b)" in result.stderr


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two systems on sixty speakers; the second is bad for those from the south."""
    folder = tmp_path_factory.mktemp("scored")
    rng = np.random.default_rng(0)
    rows, heard = [], {"even": [], "uneven": []}
    for index in range(600):
        speaker = index % 60
        south = speaker % 2 == 0
        words = ["one"] * (8 + index % 5)
        rows.append({"id": f"u{index}", "text": " ".join(words), "speaker": f"s{speaker}",
                     "side": "south" if south else "north", "gender": ("f", "m", "")[speaker % 3],
                     "latitude": 10.0 + 20 * (not south) + rng.normal(), "longitude": rng.normal()})
        for name, rate in (("even", 0.1), ("uneven", 0.35 if south else 0.1)):
            kept = [w if rng.random() > rate else "two" for w in words]
            heard[name].append(f"u{index}\t{' '.join(kept)}\n")
    write_manifest(folder / "m.jsonl", rows)
    for name, lines in heard.items():
        (folder / f"{name}.tsv").write_text("".join(lines))
    result = evalkit("score", "-m", folder / "m.jsonl", "-y", folder / "even.tsv",
                     "-y", folder / "uneven.tsv", "-o", folder / "run")
    assert result.returncode == 0, result.stderr
    return folder / "run"


def test_groups_prints_tables_and_json(scored: Path) -> None:
    result = evalkit("groups", scored, "--by", "side", "--by", "gender,side")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("by gender x side") == 2 and "unknown" in result.stdout
    reports = json.loads(evalkit("groups", scored, "--by", "side", "--json").stdout)
    even, uneven = sorted(reports, key=lambda report: report["pipeline"])
    assert even["fairness"]["tests"]["welch"]["p_value"] > 0.05
    assert uneven["fairness"]["tests"]["welch"]["p_value"] < 0.001
    worst = uneven["rows"][0]
    assert worst["group"] == "south" and worst["value"]["low"] < 0.35 < worst["value"]["high"]
    assert worst["adjusted"]["value"] == pytest.approx(3.5, rel=0.2)


def test_systems_compares_pipelines_two_by_two(scored: Path) -> None:
    (pair,) = json.loads(evalkit("systems", scored, "--json").stdout)
    assert (pair["a"], pair["b"], pair["n"]) == ("even", "uneven", 600)
    assert pair["difference"]["high"] < 0 and pair["matched_pairs"]["p_value"] < 0.001
    assert evalkit("systems", scored).stdout.count("even  uneven") == 1


def test_one_pipeline_is_not_compared(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [{"id": "a", "text": "one"}])
    (tmp_path / "h.tsv").write_text("a\tone\n")
    evalkit(*SCORE, "-y", "h.tsv", "-o", "run", cwd=tmp_path)
    result = evalkit("systems", "run", cwd=tmp_path)
    assert result.returncode == 2 and not result.stdout
    assert result.stderr.startswith("error: run: one pipeline only has ")


def test_what_no_metric_applies_to_has_no_failures_to_blame(
        tiny_corpus: Path, tmp_path: Path) -> None:
    (tiny_corpus.parent / "eval.yaml").write_text(json.dumps({
        "corpus": "test.jsonl", "metrics": ["wer"], "pipelines": [{"name": "plain"}]}))
    result = evalkit("run", tiny_corpus.parent / "eval.yaml", "--out", tmp_path / "run", "-j", 0)
    assert result.returncode == 2
    assert "nothing could be measured; no metric of the run" in result.stderr


def test_what_failed_is_counted_of_all_utterances(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [
        {"id": f"u{i}", "text": "one two", "speaker": f"s{i}", "accent": "ab"[i % 2]}
        for i in range(80)])
    wrong = [i % 10 == 0 or (i % 2 and i % 3) for i in range(80)]
    (tmp_path / "h.tsv").write_text("".join(
        f"u{i}\tone {'too' if wrong[i] else 'two'}\n" for i in range(1, 80)))
    result = evalkit(*SCORE, "-y", "h.tsv", "-o", "run", "--metric", "wer", cwd=tmp_path)
    assert "1 of 80 failed: " in result.stdout
    failures = json.loads((tmp_path / "run" / "summary.json").read_text())["failures"]
    assert [(row["n"], row["of"]) for row in failures] == [(1, 80)]
    shown = evalkit("groups", "run", "--by", "accent", cwd=tmp_path).stdout
    assert "any gap: p = 0.0003" in shown and "= <" not in shown and "equal: ;" not in shown


def test_labels_do_not_disturb_the_terminal(tmp_path: Path) -> None:
    label = "a\u202e\nb" + "x" * 4000
    write_manifest(tmp_path / "m.jsonl", [
        {"id": f"u{i}", "text": "one two", "speaker": f"s{i}",
         "accent\u202e\n": (label, "c")[i % 2]} for i in range(40)])
    (tmp_path / "h.tsv").write_text("".join(f"u{i}\tone\n" for i in range(40)))
    evalkit(*SCORE, "-y", "h.tsv", "-o", "run", cwd=tmp_path)
    for command in (["groups", "--by", "accent\u202e\n"], ["cohorts"]):
        result = evalkit(command[0], "run", *command[1:], cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert "\u202e" not in result.stdout
        assert max(map(len, result.stdout.splitlines())) <= 1000
    result = evalkit("groups", "run", "--by", "accent\u202e\n", cwd=tmp_path)
    assert " by accent\ufffd\n" in result.stdout and "\na bxxx" in result.stdout


def test_cohorts_finds_what_was_planted_and_nothing_else(scored: Path) -> None:
    found = {name: json.loads(evalkit("cohorts", scored, "--finder", "tree", "--pipeline", name,
                                      "--json").stdout) for name in ("even", "uneven")}
    assert found["even"]["finders"][0]["status"] != "confirmed"
    (tree,) = found["uneven"]["finders"]
    assert tree["status"] == "confirmed"
    gap = tree["verdicts"][0]["gap"]
    assert gap["value"] == pytest.approx(0.25, abs=0.05)
    shown = evalkit("cohorts", scored, "--pipeline", "uneven")
    assert "pipeline: uneven, " in shown.stderr and "--condition name others" in shown.stderr
    assert shown.returncode == 0 and "confirmed" in shown.stdout, shown.stderr
    assert (scored / "findings.json").exists() and (scored / "cohorts.parquet").exists()


@pytest.mark.parametrize(("words", "message"), [
    (["groups", "--by", "shoe"], "no column 'shoe'"),
    (["groups", "--by", "side", "--metric", "shoe"], "no metric 'shoe'"),
    (["groups", "--by", "side", "--metric", "eer"], "no trials of speaker verification"),
    (["systems", "--condition", "shoe"], "no condition 'shoe'"),
    (["cohorts", "--finder", "shoe"], "no cohorts plug-in 'shoe'"),
])
def test_names_that_there_are_not(scored: Path, words: list[str], message: str) -> None:
    result = evalkit(words[0], scored, *words[1:])
    assert result.returncode == 2 and message in result.stderr
    assert "Traceback" not in result.stderr
