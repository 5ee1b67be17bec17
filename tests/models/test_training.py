"""Training: it learns, it is reproducible, and it refuses what cannot be learned from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evalkit.audio import save
from evalkit.core.errors import ConfigError, ManifestError
from evalkit.core.files import digest
from evalkit.core.types import Audio
from evalkit.models.card import CONDITIONS, count_errors
from evalkit.models.ctc.card import train_reference
from evalkit.models.ctc.network import CtcRecognizer, NetworkConfig
from evalkit.models.ctc.training import TrainingConfig, kind, reference_recordings
from evalkit.store.manifest import write_manifest
from evalkit.training.from_scratch import mean_loss, train_from_scratch

TINY = TrainingConfig(network=NetworkConfig(mels=20, channels=16, hidden=16, dropout=0.0),
                      epochs=6, batch=4, takes=2, snr_db=(10.0,), watched=4)
PITCH = {"a": 300.0, "b": 900.0, "c": 2000.0}


def spell(text: str, rng: np.random.Generator) -> Audio:
    """Each letter is a tone of 0.1 s, a space a pause."""
    time = np.arange(1600) / 16_000
    tones = [np.sin(2 * np.pi * PITCH[c] * time) if c in PITCH else 0 * time for c in text]
    samples = 0.1 * np.concatenate(tones) + 0.001 * rng.standard_normal(1600 * len(text))
    return Audio(samples.astype(np.float32), 16_000)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def write_corpus(folder):
    rng = np.random.default_rng(5)
    for split, count in (("train", 24), ("dev", 6), ("test", 6)):
        rows = []
        for number in range(count):
            text = " ".join("".join(rng.choice(list("abc"), 3)) for _ in range(3))
            save(folder / f"{split}{number}.wav", spell(text, rng))
            rows.append({"id": f"{split}{number}", "audio": f"{split}{number}.wav", "text": text,
                         "speaker": f"{split}{number % 3}",
                         "accent": "low" if number % 2 else None})
        write_manifest(folder / f"{split}.jsonl", rows)
    return folder


def fit(corpus, out, **options):
    losses = []
    config = TINY.model_copy(update=options)
    train_from_scratch(kind(config.network), corpus, config=config, workers=1,
                       progress=lambda *report: losses.append(report)).save(out)
    return losses


def test_the_loss_falls_and_is_reported(corpus, tmp_path):
    reports = fit(corpus, tmp_path / "model.safetensors")
    assert [(epoch, epochs) for epoch, epochs, _, _ in reports] == [(n, 6) for n in range(1, 7)]
    losses, seconds = [r[2] for r in reports], [r[3] for r in reports]
    assert losses[-1] < 0.7 * losses[0]
    assert seconds == sorted(seconds)
    written = CtcRecognizer.load(tmp_path / "model.safetensors")
    dev = reference_recordings(corpus / "dev.jsonl")
    assert mean_loss(kind(), written, dev, 4) == pytest.approx(losses[-1], rel=1e-5)
    assert mean_loss(kind(), written, dev, 1) == pytest.approx(losses[-1], rel=1e-4)


def test_the_same_seed_gives_the_same_weights(corpus, tmp_path):
    state = torch.random.get_rng_state()
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        fit(corpus, tmp_path / name, epochs=2, seed=seed)
    assert digest(tmp_path / "one") == digest(tmp_path / "again") != digest(tmp_path / "other")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()


class Stopped(Exception):
    """A training is interrupted."""


@pytest.mark.parametrize("batch", [5, 24])  # 24: an epoch of one update
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(corpus, tmp_path, batch):
    config = TINY.model_copy(update={"epochs": 3, "batch": batch, "gain_db": 10.0, "network":
                                     TINY.network.model_copy(update={"dropout": 0.2})})
    heard = []

    def stop_at(last):
        def report(epoch, epochs, loss, seconds):
            heard.append((epoch, loss))
            if epoch == last:
                raise Stopped
        return report

    def run(checkpoint, progress=lambda *_: None, config=config):
        return train_from_scratch(kind(config.network), corpus, config=config, progress=progress,
                                  checkpoint=checkpoint)

    run(None, stop_at(0)).save(tmp_path / "whole")
    whole = heard.copy()
    heard.clear()
    checkpoint = tmp_path / "stopped" / "checkpoint.safetensors"
    for last in (1, 2):
        with pytest.raises(Stopped):
            run(checkpoint, stop_at(last))
    run(checkpoint, stop_at(0)).save(tmp_path / "on")
    assert heard == whole
    assert digest(tmp_path / "on") == digest(tmp_path / "whole")
    run(checkpoint, stop_at(0)).save(tmp_path / "again")
    assert heard[3:] == whole[-1:], "one that is complete is not made again"
    assert digest(tmp_path / "again") == digest(tmp_path / "whole")
    with pytest.raises(ConfigError, match="of another training; seed"):
        run(checkpoint, config=config.model_copy(update={"seed": 1}))


def test_the_reference_comes_with_a_card(corpus, tmp_path):
    card = train_reference(corpus, tmp_path, seed=4, workers=1, config=TINY)
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert text == card.markdown()
    assert digest(tmp_path / "recognizer.safetensors") in text
    assert card.config.seed == 4
    assert "synthetic" in text
    table = card.word_errors
    assert sorted(table.index) == ["all", "low", "unknown"]
    assert table.loc["all"].equals(table.loc["low"] + table.loc["unknown"])
    assert table["train"].to_dict() == {"low": 12, "unknown": 12, "all": 24}
    assert table.loc["all", "words"] == 18
    model = CtcRecognizer.load(card.weights)
    test = reference_recordings(corpus / "test.jsonl")
    for name, noise in CONDITIONS.items():
        assert count_errors(kind(), model, test, noise)["errors"].sum() == table.loc["all", name]
    assert f"| all | 24 | 18 | {table.loc['all', 'clean'] / 18:.1%} |" in text


@pytest.mark.parametrize(("row", "said"), [
    ({"text": "room 101"}, "holds '0'"), ({"text": ""}, "audio and text"),
    ({"audio": None}, "audio and text"), ({"audio": "gone.wav"}, "MissingAudio"),
])
def test_an_utterance_that_cannot_be_learned_from_is_named(corpus, row, said):
    good = {"id": "u7", "audio": "train0.wav", "text": "abc"}
    write_manifest(corpus / "bad.jsonl", [good | row])
    with pytest.raises(ManifestError, match=said) as refused:
        reference_recordings(corpus / "bad.jsonl")
    assert "bad.jsonl" in str(refused.value)
    assert "u7" in str(refused.value)


def test_a_broken_manifest_is_refused(corpus):
    (corpus / "broken.jsonl").write_text('{"id": 3\n', encoding="utf-8")
    with pytest.raises(ManifestError, match=r"broken.jsonl:1"):
        reference_recordings(corpus / "broken.jsonl")
