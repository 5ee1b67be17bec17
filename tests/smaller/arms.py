"""Arms that train nothing, for the driver's tests."""

from __future__ import annotations

from benchmarks.smaller.sweep import Trained, Training


def said(training: Training) -> Trained:
    """Hears every utterance as the options say, and writes down that it was trained."""
    with (training.corpora / "trained.txt").open("a") as file:
        file.write(f"{training.options['text']} {training.seed}\n")
    (training.folder / "weights").write_text("small")
    heard = {"accents/survey": {"u1": training.options["text"], "u2": "b c"}}
    return Trained(heard, {"bytes": 10.0 + len(training.options["text"])})


def fails(training: Training) -> Trained:
    raise RuntimeError("out of memory")
