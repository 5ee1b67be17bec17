"""Requests behind a keyword, with another voice behind them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evalkit.audio import active_power, resample
from evalkit.core.types import Audio, Recording, Utterance
from evalkit.corpora.synthesis import espeak
from evalkit.corpora.synthesis.config import read_synth_config
from evalkit.corpora.synthesis.corpus import RATE
from evalkit.corpora.synthesis.keyword import Scene, compose
from evalkit.corpora.synthesis.plan import plan
from evalkit.recordings.reading import load
from evalkit.store.manifest import read_manifest

CONFIG = "datasets/accents/corpus.yaml"


@pytest.fixture(scope="module")
def lines(pytestconfig):
    planned = plan(read_synth_config(pytestconfig.rootpath / CONFIG))
    ours = [line for line in planned if line.split == "dev"]
    return [ours[0], ours[1], ours[10]]


@pytest.fixture(scope="module")
def requests(lines):
    made = []
    for line in lines:
        wave = resample(espeak.speak(line.text, line.speaker.voice).audio, RATE).samples
        made.append(Recording(Utterance(line.id, speaker=line.speaker.id, text=line.text,
                                        metadata=line.speaker.metadata), line.text, wave))
    return made


def test_the_request_is_the_same_with_and_without_its_keyword(lines, requests, tmp_path):
    scene = Scene(gap=0.3, ratios=(6.0, 6.0), after=0.25)
    compose(lines, requests, tmp_path, scene=scene)
    for request, line in zip(requests, lines, strict=True):
        whole, behind = (load(_utterances(tmp_path / name)[line.id].audio).samples
                         for name in ("with", "without"))
        keyword = resample(espeak.speak("computer", line.speaker.voice).audio, RATE).samples
        start = len(keyword) + round(0.3 * RATE)
        np.testing.assert_array_equal(whole[start:], behind)
        assert len(behind) == len(request.wave) + round(0.25 * RATE)
        assert not whole[len(keyword):start].any()
        assert _utterances(tmp_path / "with")[line.id].text == line.text
        scale = np.abs(whole).max() if np.abs(whole).max() > 0.999 else 1.0
        if scale == 1.0:  # else the scene was made fainter as a whole, so as not to clip
            other = behind[:len(request.wave)] - request.wave
            ratio = 10 * np.log10(active_power(Audio(request.wave, RATE), centred=False)
                                  / active_power(Audio(other, RATE), centred=False))
            assert ratio == pytest.approx(6.0, abs=1.5)


def _utterances(folder):
    return {each.id: each for each in read_manifest(folder / "dev.jsonl").utterances}


def test_the_same_seed_gives_the_same_bytes_and_one_speaker_is_refused(lines, requests, tmp_path):
    for name in "ab":
        compose(lines, requests, tmp_path / name, seed=4)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 8
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
               for file in files)
    alone = [replace(each, utterance=replace(each.utterance, speaker="a")) for each in requests]
    with pytest.raises(ValueError, match="two speakers"):
        compose(lines, alone, tmp_path / "c")
