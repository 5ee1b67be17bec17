"""``evalkit train enhancer``: a recipe of folders to weights, a card, and a training to prolong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from evalkit.audio import save
from evalkit.core.config import Plugin
from evalkit.core.errors import ConfigError, RunError
from evalkit.core.files import is_alive
from evalkit.core.types import Audio
from evalkit.models.percepnet.recipe import EnhancerRecipe, read_recipe, train_enhancer
from evalkit.models.percepnet.training import EnhancerTraining, read_curve
from evalkit.systems.percepnet import PercepNet
from evalkit.training.mixing import MixingConfig
from evalkit.training.sources import Source, cleaned, find, split
from tests.conftest import evalkit, tone

pytest.importorskip("onnx")

RECIPE = """\
speech:
  - {folder: voices, without: [spare/*]}
  - {folder: noisy, cleaned_by: spectral_gating}
noise:
  - {folder: hums, files: ["*.wav"]}
rooms: false
watched: 2
training:
  updates: %d
  batch: 2
  block: 1
  hearings: 2
  check_every: 2
  watched: 2
  warm_up: 2
  sizes: {dense: 8, channels: 8, hidden: 8, layers: 1, strength: 8}
  mixing: {seconds: 0.3}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("voices", "voices/spare", "noisy", "hums"):
        (tmp_path / name).mkdir()
        for i in range(3):
            wave = tone(1.0, seed=i, pitch=120.0 + 40 * i)
            save(tmp_path / name / f"{i}.wav", Audio(wave, 16_000))
    (tmp_path / "voices" / "readme.txt").write_text("voices")
    return tmp_path


def trained(folder: Path, updates: int = 4, recipe: str = RECIPE):
    (folder / "enhancer.yaml").write_text(recipe % updates)
    return evalkit("train", "enhancer", folder / "enhancer.yaml", "--out", folder / "out")


def spoil(folder: Path) -> None:
    """Recordings beside the good ones that no training can use."""
    wave = tone(1.0, seed=9, pitch=300.0)
    for name, samples in {"nan": np.where(wave == wave[99], np.nan, wave), "silent": 0 * wave,
                          "offset": 0 * wave + 0.1, "loud": 1e30 * wave}.items():
        soundfile.write(folder / "voices" / f"{name}.wav", samples, 16_000, subtype="FLOAT")
    soundfile.write(folder / "voices" / "broken.flac", wave, 16_000)
    data = bytearray((folder / "voices" / "broken.flac").read_bytes())
    data[9000:9400] = bytes(400)
    (folder / "voices" / "broken.flac").write_bytes(data)
    soundfile.write(folder / "noisy" / "short.wav", wave[:9], 16_000)


@pytest.mark.usefixtures("drawn_here")
def test_what_is_too_little_to_keep_any_out_is_said(folder: Path) -> None:
    done = trained(folder, 2, RECIPE.replace("watched: 2\ntraining", "watched: 9\ntraining"))
    assert done.returncode == 0, done.stderr
    assert "voices: too little to keep any out; the loss is measured on it too" in done.stderr
    assert "Of the speech of voices, noisy nothing was kept out" in (
        folder / "out" / "percepnet.md").read_text()


@pytest.mark.usefixtures("drawn_here")
def test_a_recipe_gives_weights_that_run_and_a_card(folder: Path) -> None:
    from evalkit.models.percepnet.features import FEATURES
    from evalkit.models.percepnet.runtime import Runtime

    spoil(folder)
    done = trained(folder)
    assert done.returncode == 0, done.stderr
    said = done.stderr + done.stdout
    for line in ("voices: 2 recordings left out: Silent: has no sound in it (offset.wav, silent",
                 "voices: 1 recording left out: NotFinite: holds NaN or infinite samples (nan.wav)",
                 "left out: TooLoud: goes beyond 1,000,000 times full scale (loud.wav)",
                 "noisy: 1 recording left out: TooShort: 9 samples, spectral gating needs 1024 "
                 "(short.wav)", "(readme.txt)", "(broken.flac)"):
        assert line in said
    assert said.count("voices: 1 recording left out: CorruptAudio: cannot be read as audio") == 2
    assert "voices: 2 to train on, 1 kept out" in done.stderr
    runtime = Runtime(folder / "out" / "percepnet.onnx")
    filters = runtime.start()(np.zeros((5, FEATURES), np.float32))
    assert 0 <= filters.min() <= filters.max() <= 1
    card = (folder / "out" / "percepnet.md").read_text()
    assert "4 updates of 2 mixtures of 0.3 s" in card
    of_run = PercepNet(folder / "out" / "percepnet.onnx").cost.weights
    assert f"An enhancer of speech ({of_run:,} weights, 8-bit integers)" in card
    assert "| 4 | " in card
    assert len(list((folder / "out" / "cleaned").rglob("*.flac"))) == 3

    again = trained(folder)
    assert again.returncode == 0
    assert (folder / "out" / "percepnet.md").read_text() == card
    refused = trained(folder, updates=8)  # it has cooled down
    assert refused.returncode == 2
    assert "4 of 4 updates" in refused.stderr
    other = trained(folder, recipe=RECIPE.replace("watched: 2\ntraining", "watched: 3\ntraining"))
    assert other.returncode == 2
    assert "by another recipe" in other.stderr
    (folder / "out" / "curve.jsonl").unlink()
    without = trained(folder)
    assert without.returncode == 0
    assert "Of 2 checks 2 are not known: `curve.jsonl` was removed" in without.stdout
    assert "the time is not known" in without.stdout
    refused = trained(folder, recipe=RECIPE.replace("channels: 8", "channels: 9"))
    assert "4 of 4 updates" in refused.stderr, "the checkpoint knows how many were made"


class StoppedError(Exception):
    pass


@pytest.mark.usefixtures("drawn_here")
def test_a_prolonged_training_ends_as_one_that_was_long_from_the_start(folder: Path) -> None:
    def stop(line: str) -> None:
        if line.startswith("update"):
            raise StoppedError

    def recipe(updates: int) -> EnhancerRecipe:
        made = read_recipe(folder / "enhancer.yaml")
        training = made.training.model_copy(update={"updates": updates})
        return made.model_copy(update={"training": training, "speech": made.speech[:1]})

    (folder / "enhancer.yaml").write_text(RECIPE % 1)
    with pytest.raises(StoppedError):
        train_enhancer(recipe(4), folder / "out", say=stop)
    train_enhancer(recipe(6), folder / "out")
    train_enhancer(recipe(6), folder / "whole")
    one, other = ((folder / name / "checkpoint.safetensors").read_bytes()
                  for name in ("out", "whole"))
    assert one == other


def test_a_source_without_recordings_is_refused(folder: Path) -> None:
    done = trained(folder, recipe=RECIPE.replace("hums", "hmms"))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(
        "hmms: no such folder of recordings; correct it in the recipe")
    done = trained(folder, recipe=RECIPE.replace("*.wav", "*.mp3"))
    assert "hums: no recording that can be used matches ['*.mp3']" in done.stderr
    for path in (folder / "hums").iterdir():
        soundfile.write(path, np.zeros(99), 16_000)
    done = trained(folder)
    assert done.returncode == 2
    assert ("hums: no recording that can be used matches ['*.wav']; …/hums: 3 recordings left "
            "out: Silent: has no sound in it (0.wav, 1.wav, 2.wav); correct folder or files in "
            "the recipe") in done.stderr.splitlines()[-1]


def test_what_is_wrong_with_teacher_device_or_recipe_is_said_before_anything_is_read(
        folder: Path) -> None:
    done = trained(folder, recipe=RECIPE.replace("spectral_gating", "spectral_gting"))
    assert "enhancer.yaml: speech.1.cleaned_by: no enhancers plug-in 'spectral_gting'; did you" in (
        done.stderr.splitlines()[-1])
    done = trained(folder, recipe=RECIPE.replace("dense: 8", "dense: [").replace("%d", "%%%d"))
    assert done.returncode == 2
    assert not (folder / "out").exists()
    (folder / "enhancer.yaml").write_text(RECIPE % 4)
    for device in ("meta", "quantum"):
        done = evalkit("train", "enhancer", folder / "enhancer.yaml", "--out", folder / "out",
                       "--device", device)
        assert done.returncode == 2
        _, error = done.stderr.splitlines()
        assert f"error: device '{device}' cannot be used: " in error


def children(pid: int) -> list[int]:
    """Of a process, in Linux."""
    return [int(word) for task in Path(f"/proc/{pid}/task").iterdir()
            for word in (task / "children").read_text().split()]


@pytest.mark.usefixtures("drawn_here")
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_killed_and_started_again_it_ends_at_the_same_bytes(folder: Path) -> None:
    (folder / "enhancer.yaml").write_text(RECIPE % 60)
    command = [Path(sys.executable).parent / "evalkit", "train", "enhancer",
               folder / "enhancer.yaml", "--workers", "1", "--out", folder / "out"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
                          ) as training:
        assert any(line.startswith("update 2/60") for line in training.stderr)
        drawing = children(training.pid)
        training.kill()
    assert drawing
    assert not (folder / "out" / "percepnet.onnx").exists(), "killed before its end"
    assert trained(folder, 60).returncode == 0
    whole = evalkit("train", "enhancer", folder / "enhancer.yaml", "--out", folder / "whole")
    assert whole.returncode == 0
    for name in ("percepnet.onnx", "percepnet_float.onnx", "checkpoint.safetensors"):
        assert (folder / "out" / name).read_bytes() == (folder / "whole" / name).read_bytes()
    assert [check.updates for check in read_curve(folder / "out")] == [*range(2, 61, 2)]
    assert not any(is_alive(pid) for pid in drawing), "what drew for it has ended too"


@pytest.mark.parametrize(("line", "wrong", "said"), [
    ('"*.wav"', '"/etc/*.wav"', "noise.0.files: '/etc/*.wav' is no pattern of files"),
    ('"*.wav"', '"../*.wav"', "noise.0.files: '../*.wav' leads out of the folder"),
    ('"*.wav"', '""', "noise.0.files: '' is no pattern of files"),
    ('"*.wav"', '"**.wav"', "noise.0.files: '**.wav' is no pattern of files"),
    ("seconds: 0.3", "snr_db: [45, -5]", "training.mixing.snr_db: must be the lower and the"),
    ("seconds: 0.3", "speeds: [0, 1]", "training.mixing.speeds.0: must be at least 0.25"),
    ("seconds: 0.3", "skew: [0, 1]", "training.mixing.skew.0: must be greater than 0"),
    ("seconds: 0.3", "level_db: [.nan, 1]", "training.mixing.level_db"),
    ("seconds: 0.3", "rate: 44100", "training.mixing.rate: must be 16000 or 48000"),
    ("batch: 2", "batch: 1000000000", "training.batch: must be at most 4096"),
    ("batch: 2", "learning_rate: .inf", "training.learning_rate: must be a finite number, not inf"),
])
def test_what_no_mixture_can_be_drawn_by_is_refused_at_once(folder: Path, line: str, wrong: str,
                                                            said: str) -> None:
    (folder / "enhancer.yaml").write_text(RECIPE.replace(line, wrong) % 4)
    with pytest.raises(ConfigError) as refused:
        read_recipe(folder / "enhancer.yaml")
    assert f"enhancer.yaml: {said}" in str(refused.value)


@pytest.mark.usefixtures("drawn_here")
@pytest.mark.parametrize("name", ["recipe.json", "curve.jsonl", "checkpoint.safetensors"])
def test_what_a_training_left_and_was_damaged_is_named(folder: Path, name: str) -> None:
    (folder / "enhancer.yaml").write_text(RECIPE.replace("warm_up", "cool_down: 0\n  warm_up") % 2)
    made = read_recipe(folder / "enhancer.yaml")
    recipe = made.model_copy(update={"speech": made.speech[:1], "noise": []})
    train_enhancer(recipe, folder / "out")
    path = folder / "out" / name
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(RunError, match=f"{name}.*(remove|give another)"):
        train_enhancer(recipe, folder / "out")


def test_recordings_that_end_too_early_or_are_not_there_are_left_out(folder: Path) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, 32_000)
    soundfile.write(folder / "cut.flac", noise, 16_000)
    (folder / "voices" / "cut.flac").write_bytes((folder / "cut.flac").read_bytes()[:20_000])
    soundfile.write(folder / "voices" / "none.wav", noise[:0], 16_000)
    (folder / "voices" / "link.wav").symlink_to(folder / "gone.wav")
    os.mkfifo(folder / "voices" / "pipe.wav")
    found = find(Source(folder=folder / "voices", files=["*.*"], without=["*.txt"]))
    assert [path.name for path in found.paths] == ["0.wav", "1.wav", "2.wav"]
    assert sorted(name for item in found.left_out for name in item.names) == [
        "cut.flac", "link.wav", "none.wav", "pipe.wav"]
    with pytest.raises(ConfigError, match=r"matches \['\*\.txt'\] and none of \['r\*'\]; correct"):
        find(Source(folder=folder / "voices", files=["*.txt"], without=["r*"]))


def test_recordings_of_one_stem_are_cleaned_apart(folder: Path) -> None:
    save(folder / "noisy" / "0.flac", Audio(tone(1.0, seed=9, pitch=300.0), 16_000))
    source = Source(folder=folder / "noisy", cleaned_by=Plugin(name="spectral_gating"))
    made = cleaned(source, find(source), 16_000, folder / "cleaned", lambda *_: None)
    assert [path.name for path in made.paths] == ["0.flac.flac", "0.wav.flac", "1.flac", "2.flac"]
    assert all(path.is_file() for path in made.paths)


def test_where_no_recording_can_be_cleaned_it_is_said_why(folder: Path) -> None:
    save(folder / "noisy" / "short.wav", Audio(tone(1.0, seed=9, pitch=300.0)[:9], 16_000))
    source = Source(folder=folder / "noisy", files=["short.wav"],
                    cleaned_by=Plugin(name="spectral_gating"))
    with pytest.raises(ConfigError, match=r"noisy: no recording .* left out: TooShort: .*short"):
        cleaned(source, find(source), 16_000, folder / "cleaned", lambda *_: None)


def test_every_key_of_a_recipe_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "percepnet.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for model in (EnhancerRecipe, EnhancerTraining, MixingConfig):
        for key in model.model_fields.keys() - {"training", "mixing"}:
            assert any(f"`{key}`" in row.split("|")[1] for row in rows), key


@given(st.integers(1, 40), st.integers(2, 12), st.booleans())
def test_what_is_kept_out_is_not_trained_on(n: int, every: int, by_folder: bool) -> None:
    paths = [Path(f"speaker{i // 3}", f"{i}.wav") for i in range(n)]
    trained_on, kept = split(paths, every, by_folder=by_folder)
    assert sorted([*trained_on, *kept]) == sorted(paths)
    folders = {path.parent for path in paths}
    if by_folder and len(folders) >= every:
        assert not {path.parent for path in kept} & {path.parent for path in trained_on}
        assert len({path.parent for path in kept}) == len(folders) // every
    else:
        assert len(kept) == n // every
