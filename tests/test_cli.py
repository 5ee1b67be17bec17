"""The installed command line, as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from evalkit.manifest import write_manifest
from evalkit.runfolder import RunFolder
from tests.conftest import tone


def evalkit(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "evalkit"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_help_has_examples() -> None:
    for command in (["run"], ["score"], ["report"], ["mitigate"], ["corpus", "synth"],
                    ["corpus", "validate"], ["corpus", "prepare"], ["train", "recognizer"]):
        result = evalkit(*command, "--help")
        assert result.returncode == 0 and "Example" in result.stdout, command


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
    write_manifest(tmp_path / "m.jsonl", [{"id": "a", "text": "one"}])
    (tmp_path / "h.tsv").write_text("b\tone\n")
    result = evalkit("score", "-m", tmp_path / "m.jsonl", "-y", tmp_path / "h.tsv",
                     "-o", tmp_path / "run")
    assert result.returncode == 2
    assert "nothing could be measured" in result.stderr
    assert "1 hypotheses have no utterance in the manifest: 'b'" in result.stderr


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


def test_cohorts_finds_what_was_planted_and_nothing_else(scored: Path) -> None:
    found = {name: json.loads(evalkit("cohorts", scored, "--finder", "tree", "--pipeline", name,
                                      "--json").stdout) for name in ("even", "uneven")}
    assert found["even"]["finders"][0]["status"] != "confirmed"
    (tree,) = found["uneven"]["finders"]
    assert tree["status"] == "confirmed"
    gap = tree["verdicts"][0]["gap"]
    assert gap["value"] == pytest.approx(0.25, abs=0.05)
    shown = evalkit("cohorts", scored, "--pipeline", "uneven")
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
