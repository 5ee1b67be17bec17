"""The transducer is trained, stopped and trained on, and described."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.files import digest
from evalkit.models.transducer.card import WEIGHTS, train_transducer
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.training import TransducerTraining
from tests.models.test_training import Stopped, write_corpus

TINY = TransducerTraining(
    network=TransducerConfig(mels=20, channels=16, hidden=16, embedding=8, prediction=16, joint=16),
    epochs=3, batch=5, takes=2, snr_db=(10.0,), watched=4, gain_db=6.0)


def test_it_is_trained_in_one_go_or_in_two_and_described(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    heard: list[float] = []

    def stop(epoch: int, *report: float) -> None:
        if epoch == 2:
            raise Stopped

    whole = train_transducer(corpus, tmp_path / "whole", config=TINY,
                             progress=lambda *report: heard.append(report[2]))
    with pytest.raises(Stopped):
        train_transducer(corpus, tmp_path / "on", config=TINY, progress=stop)
    card = train_transducer(corpus, tmp_path / "on", config=TINY)
    assert digest(tmp_path / "on" / WEIGHTS) == digest(tmp_path / "whole" / WEIGHTS)
    assert heard[-1] < heard[0]
    assert card.loss == whole.loss == heard[-1]
    assert card.word_errors.equals(whole.word_errors)
    assert card.parameters == sum(
        p.numel() for p in Transducer.load(tmp_path / "on" / WEIGHTS).parameters())
    text = (tmp_path / "on" / "card.md").read_text(encoding="utf-8")
    assert "`evalkit train transducer`, seed 0, on 24 utterances" in text
    assert "since it was last stopped" in text
    assert "last stopped" not in whole.markdown()
    assert "- gain_db: 6.0\n" in text
