"""Sessions: joined by the command line from two manifests, and scored there."""

from __future__ import annotations

import json

import numpy as np
import pytest

from evalkit.audio import save
from evalkit.core.errors import ConfigError, ManifestError
from evalkit.core.types import Audio
from evalkit.corpora.sessions import make_sessions
from evalkit.recordings.reading import load
from evalkit.store.manifest import read_manifest, write_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit as command
from tests.metrics.test_languages import LISTS


@pytest.fixture
def manifests(tmp_path):
    """Two manifests, of constant signals that tell whose a sample is."""
    rng, paths = np.random.default_rng(0), []
    for place, (language, rate, speakers) in enumerate((("en", 16_000, 3), ("es", 8_000, 2))):
        rows = []
        (tmp_path / language).mkdir()
        for number in range(2 * speakers):
            wave = (0.1 * (1 + number) * rng.choice([-1, 1], rate // 2)).astype(np.float32)
            save(tmp_path / language / f"{number}.wav", Audio(wave, rate))
            text = ("turn on", "la luz")[place]
            rows.append({"id": f"{language}{number}", "audio": f"{number}.wav", "text": text,
                         "speaker": f"{language}-{number // 2}", "accent": language, "room": "a",
                         "words": [[word, 0.1 + 0.2 * i, 0.25 + 0.2 * i]
                                   for i, word in enumerate(text.split())]})
        paths.append(tmp_path / language / "m.jsonl")
        write_manifest(paths[-1], rows)
    return paths


def test_sessions_are_joined_and_scored_by_the_command_line(manifests, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    for language, known in LISTS.items():
        (lists / f"{language}.txt").write_text(known, encoding="utf-8")
    made = command("corpus", "sessions", *map(str, manifests), "--language", "en", "--language",
                   "es", "--pause", "0.25", "--out", "both", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "both/sessions.jsonl: 4 utterances of 2 speakers" in made.stdout
    assert "1 speaker left out: no company is left for them (en-" in made.stdout
    assert "1 column left out: its values differ within sessions" in made.stdout
    sessions = read_manifest(tmp_path / "both" / "sessions.jsonl").utterances
    audio = {f"{path.parent.name}{n}": load(path.parent / f"{n}.wav")
             for path in manifests for n in range(4 + 2 * (path.parent.name == "en"))}
    for session in sessions:
        members = json.loads(session.metadata["utterances"])
        assert session.metadata["room"] == "a" and "accent" not in session.metadata
        spoken = [member[:2] for member in members for _ in range(2)]
        assert json.loads(session.metadata["languages"]) == spoken
        assert session.duration == 1.25 and sorted(spoken) == ["en"] * 2 + ["es"] * 2
        assert [(w.start, w.end) for w in session.words] == [
            (0.1, 0.25), (0.3, 0.45), (0.85, 1.0), (1.05, 1.2)]
        heard = load(session.audio)
        assert len(heard.samples) == 20_000
        begin = 0 if members[0].startswith("en") else 12_000
        of_english = audio[next(each for each in members if each.startswith("en"))].samples
        assert np.array_equal(heard.samples[begin:begin + 8_000], of_english)
    begins = [session.text.split()[0] for session in sessions]
    assert sorted(begins) == ["la", "la", "turn", "turn"], "each language begins in turn"
    assert len({session.speaker for session in sessions}) == 2
    (tmp_path / "log.jsonl").write_text("".join(json.dumps({"id": each.id, "events": [
        {"audio": 0.5, "text": " ".join(each.text.split()[:2])},
        {"audio": 1.25, "text": each.text, "kind": "final"}]}) + "\n" for each in sessions))
    done = command("score", "-m", "both/sessions.jsonl", "-y", "live=log.jsonl", "-o", "run",
                   "--metric", "language_switch", "--metric", f"language_wer:lists={lists}",
                   cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    values = {row.metric: row.value for row in RunFolder(tmp_path / "run").summary().scores}
    assert values["switch_delay"] == pytest.approx(400) and values["missed_switches"] == 0
    assert values["language_wer_en"] == values["language_wer_es"] == 0


def test_sessions_are_the_same_bytes_and_bad_options_are_refused(manifests, tmp_path):
    def bytes_of(name, seed):
        out = tmp_path / name
        make_sessions(manifests, out, per_session=2, pause=0.1, seed=seed)
        return [path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()]

    one = bytes_of("one", 4)
    assert len(one) == 5 and bytes_of("again", 4) == one != bytes_of("other", 5)
    session = read_manifest(tmp_path / "one" / "sessions.jsonl").utterances[0]
    assert "languages" not in session.metadata
    for options, why in (({"per_session": 1}, "2 utterances at least"),
                         ({"per_session": 8}, "has 3 speakers, and a session needs 4 of it"),
                         ({"languages": ["en"]}, "1 for 2 manifests")):
        with pytest.raises((ConfigError, ManifestError), match=why):
            make_sessions(manifests, tmp_path / "x", **{"per_session": 2, "pause": 0.1} | options)
    rows = [json.loads(line) for line in manifests[0].read_text().splitlines()]
    write_manifest(manifests[0], [row | {"language": "en"} for row in rows])
    with pytest.raises(ManifestError, match="has no 'language', which others have"):
        make_sessions(manifests, tmp_path / "x", per_session=2, pause=0.1)


def test_what_takes_no_part_is_left_out_by_name(manifests, tmp_path):
    rows = [json.loads(line) for line in manifests[0].read_text().splitlines()]
    rows[4]["audio"] = "gone.wav"
    rows.append({"id": "quiet", "audio": "0.wav", "speaker": "en-0"})
    rows.append({"id": "more", "audio": "0.wav", "speaker": "en-0", "text": "stop"})
    write_manifest(manifests[0], rows)
    made = make_sessions(manifests[:1], tmp_path / "out", per_session=3, pause=0.1, seed=1)
    assert made.utterances == 1
    said = made.describe()
    assert "1 utterance left out: has no audio or no text (quiet)" in said
    assert "1 utterance left out: its speaker has more than another of the session (" in said
    assert "3 utterances left out: in a session of which one cannot be read: " in said


def test_the_times_of_some_words_alone_are_left_out(manifests, tmp_path):
    rows = [json.loads(line) for line in manifests[0].read_text().splitlines()]
    del rows[0]["words"]
    write_manifest(manifests[0], rows)
    made = make_sessions(manifests[:1], tmp_path / "out", per_session=3, pause=0.1)
    assert "2 word times left out: others of the session have none" in made.describe()
    timed = [bool(each.words) for each in read_manifest(made.manifest).utterances]
    assert sorted(timed) == [False, True]
