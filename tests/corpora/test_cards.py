"""The cards in datasets/: each says what an evaluator has to know, its configuration names a reader
that there is, and what it does to a corpus on this machine makes what that reader wants."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalkit.core.corpus import CorpusConfig
from evalkit.core.plugins import available
from evalkit.corpora.gathering import gathered
from evalkit.results.labels import Labels
from evalkit.store.manifest import Manifest

DATASETS = Path(__file__).parents[2] / "datasets"
CARDS = {path.parent.name: path.read_text(encoding="utf-8")
         for path in sorted(DATASETS.glob("*/README.md"))}
SAID = ("what", "licence", "consent", "who labelled what", "source", "checked against")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", CARDS[name], re.DOTALL)


def configured(name: str) -> dict[str, Any]:
    (text,) = blocks(name, "yaml")
    return dict(yaml.safe_load(text))


def done(name: str, folder: Path) -> Manifest:
    """The corpus in ``folder`` as the card's configuration reads it, after those of the card's
    commands that begin in the corpus and need no network."""
    for command in blocks(name, "sh"):
        if command.startswith("cd "):
            subprocess.run(["bash", "-euc", command.replace("python3", sys.executable)],
                           cwd=folder, check=True, timeout=60)
    corpus = CorpusConfig.model_validate(configured(name)["corpus"])
    return gathered(corpus.located(folder))


def write(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("name", CARDS)
def test_a_card_says_what_has_to_be_known_and_reads_with_a_reader_there_is(name: str) -> None:
    rows = dict(re.findall(r"^\| ([\w ]+) \| (.+) \|$", CARDS[name], re.MULTILINE))
    assert tuple(rows) == SAID and "https://" in rows["checked against"] + rows["source"]
    for heading in ("Traps", "Get it", "Read it"):
        assert f"\n## {heading}\n" in CARDS[name]
    assert configured(name)["corpus"]["reader"] in available("corpora")
    assert f"({name}/README.md)" in (DATASETS / "README.md").read_text()


def test_both_halves_of_speechocean762_become_one_kaldi_directory(tmp_path: Path) -> None:
    for part, n, age in (("train", "0001", 6), ("test", "0003", 37)):
        write(tmp_path / "speechocean762", {
            f"WAVE/SPEAKER{n}/{n}1.WAV": "RIFF", f"{part}/text": f"{n}1\tWE CALL IT BEAR\n",
            f"{part}/utt2spk": f"{n}1 {n}\n", f"{part}/spk2gender": f"{n}\tf\n",
            f"{part}/wav.scp": f"{n}1\tWAVE/SPEAKER{n}/{n}1.WAV\n",
            f"{part}/spk2age": f"{n}\t{age}\n"})
    found = done("speechocean762", tmp_path)
    assert found.dropped == ()
    assert {u.speaker: u.metadata["age"] for u in found.utterances} == {"0001": "6", "0003": "37"}
    assert all(u.audio and u.audio.is_file() for u in found.utterances)


def test_the_speakers_of_fsdd_are_taken_from_its_python(tmp_path: Path) -> None:
    about = {"gender": "male", "accent": "DEU/German", "language": "english"}
    write(tmp_path / "free-spoken-digit-dataset", {
        "recordings/7_lucas_3.wav": "RIFF", "metadata.py": f"metadata = {{'lucas': {about}}}\n"})
    (one,) = done("fsdd", tmp_path).utterances
    assert (one.text, one.speaker) == ("seven", "lucas")
    assert one.metadata == about


def test_machines_and_a_slip_of_the_accent_archive_are_dealt_with(tmp_path: Path) -> None:
    write(tmp_path / "speech-accent-archive", {
        "recordings/dutch1.mp3": "ID3", "recordings/synthesized1.mp3": "ID3",
        "recordings/taiwanese7.mp3": "ID3",
        "speakers_all.csv": "age,filename,native_language,sex,speakerid\n30,dutch1,dutch,female,1\n"
                            "0,synthesized1,synthesized,male,2\n20,taiwanese7,taiwanese,famale,3\n"})
    found, config = done("speech_accent_archive", tmp_path), configured("speech_accent_archive")
    labels = Labels.parsed(merge=config["merge"], where=config["where"])
    kept, left_out = labels.applied(found.utterances, "corpus", lambda _: None)
    assert {u.id: u.metadata["gender"] for u in kept} == {"dutch1": "female",
                                                          "taiwanese7": "female"}
    assert sum(item.n for item in left_out if item.what == "utterance") == 1
