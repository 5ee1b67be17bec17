"""What a transducer of several languages hears of each: word errors by language of single requests,
and of sessions that switch between them, with confusions and the delay of the switch (arm
`languages` of benchmarks/transducer_arms.py).

    python -m benchmarks.transducer_languages WEIGHTS CORPORA OUT [--sessions 120]

CORPORA holds accents, requests_es and requests_de, as `transducer_arms make` makes them. Sessions
and lists of words are written into OUT. Intervals are 95 %, by speaker, and by company of speakers.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evalkit.core.types import Event, Hypothesis, Output, Recording
from evalkit.corpora.sessions import make_sessions
from evalkit.metrics.language_switch import LanguageSwitch
from evalkit.metrics.languages import LanguageErrors
from evalkit.metrics.words import WordErrors
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.stream import Hearing
from evalkit.statistics.bootstrap import Contrast, intervals
from evalkit.statistics.latency import DRAWS
from evalkit.statistics.sums import speaker_sums
from evalkit.training.data import recordings

CORPORA = {"en": "accents", "es": "requests_es", "de": "requests_de"}
PIECE = RATE // 10


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sessions", type=int, default=120)
    options = parser.parse_args(arguments)
    model = Transducer.load(options.weights)
    manifests = [options.corpora / name / "test.jsonl" for name in CORPORA.values()]
    for language, manifest in zip(CORPORA, manifests, strict=True):
        _write_list(options.out / "lists" / f"{language}.txt",
                    options.corpora / CORPORA[language])
        speech = recordings(manifest, RATE)
        print_table(f"{language}, single requests", _scores(model, speech, [WordErrors()]), ["wer"])
    made = options.out / "sessions.jsonl"
    if not made.exists():
        make_sessions(manifests, options.out, per_session=3, pause=0.5,
                      languages=list(CORPORA))
    sessions = recordings(made, RATE)
    chosen = sessions[::max(1, len(sessions) // options.sessions)]
    scores = _scores(model, chosen, [WordErrors(), LanguageErrors(lists=options.out / "lists"),
                                     LanguageSwitch()])
    print_table("sessions", scores, sorted(scores["metric"].unique()))


def _write_list(path: Path, corpus: Path) -> None:
    """The words of all splits of ``corpus``."""
    texts = [json.loads(line)["text"] for split in ("train", "dev", "test")
             for line in (corpus / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(sorted({word for text in texts for word in text.split()})) + "\n",
                    encoding="utf-8")


def _scores(model: Transducer, speech: Sequence[Recording], metrics: Sequence[Any]
            ) -> pd.DataFrame:
    """A row a score of each utterance."""
    return pd.DataFrame([
        {"utterance_id": r.utterance.id, "speaker_id": r.utterance.speaker, "metric": name,
         "amount": m.amount, "weight": m.weight, "error": None}
        for r in speech for heard in [_heard(model, r.wave)] for metric in metrics
        for name, m in metric.measure(r.utterance, Output(hypothesis=heard)).items()])


def _heard(model: Transducer, wave: np.ndarray) -> Hypothesis:
    """What is heard of a wave that comes in pieces of 0.1 s, with what was shown behind each."""
    stream = Hearing(model)
    events = [Event(min(first + PIECE, len(wave)) / RATE, shown.text)
              for first in range(0, len(wave), PIECE)
              for shown in stream.push(wave[first:first + PIECE])]
    text = stream.finish().text
    return Hypothesis(text, events=(*events, Event(len(wave) / RATE, text, "final")))


def print_table(title: str, scores: pd.DataFrame, metrics: Sequence[str]) -> None:
    """Every metric with its interval."""
    print(f"\n{title}: {scores['utterance_id'].nunique()} recordings of "
          f"{scores['speaker_id'].nunique()} speakers or companies\n\n"
          "| | | weight |\n|---|---|---|")
    for line in _lines(scores, metrics):
        print(line, flush=True)


def _lines(scores: pd.DataFrame, metrics: Sequence[str]) -> Iterator[str]:
    for name in metrics:
        part = scores[(scores["metric"] == name)]
        if part["weight"].sum() > 0:
            found = intervals(speaker_sums(part), [Contrast((0, 0))], DRAWS)[0]
            scale = (1, "ms") if name == "switch_delay" else (100, "%")
            low, value, high = (scale[0] * x for x in (found.low, found.value, found.high))
            yield (f"| {name} | {value:.1f} {scale[1]} [{low:.1f}, {high:.1f}] | "
                   f"{part['weight'].sum():.0f} |")


if __name__ == "__main__":
    main()
