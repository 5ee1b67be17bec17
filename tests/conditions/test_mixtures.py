"""A grid of everything by the command line, and what its systems heard made again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from evalkit.core.config import read_config
from evalkit.run.mixtures import export_mixtures
from evalkit.run.plan import make_plan
from evalkit.run.stages import UtteranceWork, hear
from evalkit.store.manifest import read_manifest, write_manifest
from evalkit.store.outputs import audio_name
from tests.conftest import evalkit

pytest.importorskip("pyroomacoustics")
pytestmark = pytest.mark.usefixtures("outside")

CONFIG = """
corpus: test.jsonl
conditions:
  - name: "{noise}_{snr_db}dB_room{room}_{codec}_{packet_loss}"
    grid: {noise: [babble], voices: 2, snr_db: [0, 10], room: [0.15, 0.2], rooms: 2, codec: [gsm],
           packet_loss: [0.1]}
  - {name: fast, chain: [{speed: 1.25}, {gain: 6}, {clipping: 6}, {codec: opus, kbps: 16}]}
pipelines:
  - {name: same, enhancer: {name: late, delay_ms: 0, stated_ms: 0, gain: 1}}
metrics: [si_sdr]
shard_size: 6
"""
GRID = [f"babble_{ratio}dB_room{room}_gsm_0.1" for ratio in (0, 10) for room in (0.15, 0.2)]


def test_a_grid_is_the_same_in_another_process_and_made_again_to_the_bit(tiny_corpus: Path) -> None:
    folder = tiny_corpus.parent
    (folder / "eval.yaml").write_text(CONFIG)
    scores = []
    for workers in (0, 1):
        out = folder / f"run{workers}"
        done = evalkit("run", folder / "eval.yaml", "--out", out, "--workers", workers)
        assert done.returncode == 0, done.stderr
        scores.append(pd.concat(pd.read_parquet(path) for path in sorted(out.glob("scores/*"))))
    pd.testing.assert_frame_equal(*scores)
    assert scores[0]["error"].isna().all()
    means = scores[0].groupby("condition")["amount"].mean()
    assert list(json.loads((out / "run.json").read_text())["conditions"]) == [*GRID, "fast"]
    assert (means[GRID[2]] > means[GRID[0]]) and (means[GRID[3]] > means[GRID[1]])
    _check_made_again(folder, out)


def _check_made_again(folder: Path, run: Path) -> None:
    """Against the samples that the enhancer was given by the other process, which it gave back."""
    made = evalkit("export", "audio", run, "--out", folder / "heard", "--condition", GRID[1],
                   "--condition", "fast")
    assert made.returncode == 0, made.stderr
    recipes = [json.loads(line) for line in (folder / "heard/recipes.jsonl").read_text().split("\n")
               if line]
    assert [r["utterance_id"] for r in recipes] == 2 * [f"u{n}" for n in range(12)]
    for recipe in recipes:
        kept = _kept(run, recipe)
        samples, rate = soundfile.read(folder / "heard" / recipe["file"], dtype="float32")
        assert (rate, len(samples)) == (recipe["rate"], recipe["samples"])
        assert np.array_equal(samples, kept)
        assert hashlib.sha256(kept.tobytes()).hexdigest() == recipe["sha256"]
    assert recipes[-1]["plugin"]["options"]["steps"][0] == {"name": "speed",
                                                            "options": {"speed": 1.25}}


def test_a_recipe_names_the_files_that_were_drawn(tiny_corpus: Path) -> None:
    """Noises that are tones and responses that are echoes tell by themselves which they are."""
    folder, rate = tiny_corpus.parent, 16_000
    tones = {"hum/low.wav": 1000, "hum/more/high.wav": 3000}
    echoes = {"halls/a.wav": 300, "halls/b/c.flac": 900}
    for name, pitch in tones.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, np.sin(2 * np.pi * pitch * np.arange(2 * rate) / rate), rate)
    for name, late in echoes.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, np.eye(1, late + 1)[0] + 0.5 * np.eye(1, late + 1, late)[0],
                        rate)
    (folder / "eval.yaml").write_text(
        "corpus: test.jsonl\nmetrics: [si_sdr]\nshard_size: 6\n"
        "conditions: [clean, {name: hum, noise: recorded, folder: hum, snr_db: -20},\n"
        "             {name: hall, impulse_responses: halls},\n"
        "             {name: both, impulse_responses: halls, noise: recorded, folder: hum, "
        "snr_db: -20}]\n"
        "pipelines: [{name: same, enhancer: {name: late, delay_ms: 0, stated_ms: 0, gain: 1}}]\n")
    done = evalkit("run", "eval.yaml", "--out", "run", "--workers", 0, cwd=folder)
    assert done.returncode in (0, 2), done.stderr
    made = export_mixtures(folder / "run", folder / "heard")
    recipes = [json.loads(line) for line in made.recipes.read_text().splitlines()]
    drawn = {(each["condition"], each["utterance_id"]): each["drawn"] for each in recipes}
    for each in recipes:
        heard, _ = soundfile.read(folder / "heard" / each["file"], dtype="float32")
        number = each["utterance_id"][1:]
        speech, _ = soundfile.read(folder / f"audio/{number}.wav", dtype="float32")
        assert np.array_equal(heard, _kept(folder / "run", each))
        if each["condition"] == "clean":
            assert each["drawn"] == []
        if each["condition"] == "hum":
            peak = np.abs(np.fft.rfft(heard)).argmax() * rate / len(heard)
            (name,) = each["drawn"]
            assert tones[f"hum/{name}"] == pytest.approx(peak, abs=5)
        if each["condition"] == "hall":
            (name,) = each["drawn"]
            late = echoes[f"halls/{name}"]
            speech[late:] += 0.5 * speech[:-late].copy()
            np.testing.assert_allclose(heard, speech, atol=1e-3)
        if each["condition"] == "both":
            assert each["drawn"] == [*drawn["hall", f"u{number}"], *drawn["hum", f"u{number}"]]
    assert {name for names in drawn.values() for name in names} == {
        "low.wav", "more/high.wav", "a.wav", "b/c.flac"}


def _kept(run: Path, recipe: dict) -> np.ndarray:
    """What the enhancer gave back, in a run whose shards have six utterances."""
    index = pd.read_parquet(run / "outputs" / "index.parquet")
    part = index[(index["condition"] == recipe["condition"])
                 & (index["first"] == (int(recipe["utterance_id"][1:]) // 6) * 6)]
    return np.load(run / audio_name(part["enhanced"].item(), recipe["utterance_id"], ".npy"))


def test_other_recordings_and_names_that_there_are_not_are_refused(tiny_corpus: Path) -> None:
    folder = tiny_corpus.parent
    head, tail = CONFIG[:CONFIG.index("  - name")], CONFIG[CONFIG.index("pipelines"):]
    (folder / "eval.yaml").write_text(f"{head}  - {{name: low, clipping: 6}}\n{tail}")
    (folder / "audio/5.wav").unlink()
    done = evalkit("run", folder / "eval.yaml", "--out", folder / "run", "--workers", 0)
    assert done.returncode == 0
    assert export_mixtures(folder / "run", folder / "some", utterances=["u3"]).written == 1
    made = export_mixtures(folder / "run", folder / "some", utterances=["u4", "u5"])
    kept = [json.loads(line)["file"] for line in made.recipes.read_text().splitlines()]
    assert [Path(name).parent for name in kept] == 2 * [Path("low")]
    (folder / "some" / "low" / "mine.wav").touch()
    for out in (folder / "run", folder / "audio", folder / "some"):
        there = sorted(out.rglob("*"))
        refused = evalkit("export", "audio", folder / "run", "--id", "u4", "--out", out)
        assert refused.returncode == 2 and "is no part of an earlier export" in refused.stderr
        assert sorted(out.rglob("*")) == there
    (lost,) = made.left_out
    assert (made.written, lost.names) == (1, ("u5",)) and "MissingAudio" in lost.why
    for words, said in ((("--condition", "lo"), "no condition 'lo' in the run; there are low"),
                        (("--id", "u77"), "no utterance 'u77' in the run's corpus; there are u0")):
        refused = evalkit("export", "audio", folder / "run", "--out", folder / "heard", *words)
        assert refused.returncode == 2 and said in refused.stderr
    soundfile.write(folder / "audio/3.wav", np.zeros(16_000), 16_000)
    refused = evalkit("export", "audio", folder / "run", "--out", folder / "heard")
    assert refused.returncode == 2 and "under the condition 'low' the run heard other" in (
        refused.stderr)
    assert not (folder / "heard").exists()


@pytest.mark.parametrize(("condition", "length"), [
    ("{name: x, speed: 0.8}", 1.25), ("{name: x, room: 0.2, reference: early}", 1), ("clean", 1)])
def test_a_clean_recording_of_the_manifests_own_goes_through_what_changes_it(
        tiny_corpus: Path, condition: str, length: float) -> None:
    rows = [json.loads(line) for line in tiny_corpus.read_text().splitlines()][:1]
    clean, rate = soundfile.read(tiny_corpus.parent / rows[0]["audio"], dtype="float32")
    soundfile.write(tiny_corpus.parent / "clean.wav", 0.5 * clean, rate, subtype="FLOAT")
    write_manifest(tiny_corpus, [rows[0] | {"reference_audio": "clean.wav"}])
    config = tiny_corpus.parent / "eval.yaml"
    config.write_text(f"{{corpus: test.jsonl, conditions: [{condition}], metrics: [si_sdr], "
                      "pipelines: [{name: same, enhancer: late}]}")
    (utterance,) = read_manifest(tiny_corpus).utterances
    (shard,) = make_plan(read_config(config), (utterance,)).shards
    work = UtteranceWork(utterance)
    hear(work, shard.cell)
    assert len(work.input.samples) == round(length * len(clean)) == len(
        work.reference_audio.samples)
    assert work.rows["heard"]["seconds"] == pytest.approx(length * len(clean) / rate, abs=1e-4)
    wanted = 0.5 * clean
    if shard.cell.condition is not None:
        wanted = 0.5 * shard.cell.condition.apply(work.source, utterance).reference.samples
    np.testing.assert_allclose(work.reference_audio.samples, wanted, atol=1e-6)
