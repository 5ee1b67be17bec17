"""Who is cut off, and how long the others wait: end-points by silence against those of a
transducer with an end token (arm `end` of benchmarks/transducer_arms.py).

    python -m benchmarks.transducer_ends WEIGHTS MANIFEST [--by accent]

Each utterance of the MANIFEST has 1.5 s of silence behind it, and under "halting" pauses of 0.2 to
0.9 s at a fifth of the borders of its words.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from evalkit.conditions.pauses import Pauses
from evalkit.core.plugins import create
from evalkit.core.types import Endpoint, Event, Hypothesis, Output, Recording, Utterance
from evalkit.metrics.endpoints import EndpointDelay
from evalkit.models.transducer.ending import Ends
from evalkit.models.transducer.features import RATE
from evalkit.statistics.endpoints import EndpointRow, endpoint_table
from evalkit.systems.transducer_endpointer import TransducerEndpointer
from evalkit.training.data import recordings

CONDITIONS = {"silence behind": Pauses(0.0, trailing=1.5, filled="silence"),
              "halting": Pauses(0.2, trailing=1.5, filled="silence")}
HANGOVERS = (0.2, 0.3, 0.5, 0.8)
BARS: tuple[Mapping[str, float], ...] = (
    {"threshold": 0.1}, {"threshold": 0.5}, {"threshold": 0.9}, {"threshold": 0.5, "hold": 0.3},
    {"threshold": 0.5, "hold": 0.6}, {"threshold": 0.9, "speculative": 0.1})


@dataclass(frozen=True)
class Turned:
    """An utterance as it was heard, and the end-points by end-pointer."""

    utterance: Utterance
    found: Mapping[str, Sequence[Endpoint]]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--by", default="accent")
    options = parser.parse_args(arguments)
    speech = recordings(options.manifest, RATE)
    utterances = pd.DataFrame([{"utterance_id": r.utterance.id, "speaker_id": r.utterance.speaker,
                                **r.utterance.metadata} for r in speech])
    for name, pauses in CONDITIONS.items():
        turned = list(_turned(speech, pauses, options.weights))
        report = endpoint_table(_scores(name, turned), utterances, (options.by,),
                                order=list(turned[0].found))
        print(f"\n{name}, {len(speech)} utterances\n")
        print(f"| end-pointer | {options.by} | n | cut early % | none % | P50 ms | P90 ms | "
              "resets in 100 |\n|---|---|---|---|---|---|---|---|")
        for row in report.rows:
            print(_line(row))


def _turned(speech: Sequence[Recording], pauses: Pauses, weights: Path) -> Iterator[Turned]:
    pauses = pauses.bind([r.utterance for r in speech])
    silent = {f"{name} {h:g} s": create("endpointers", name, {"hangover": h})
              for name in ("energy", "webrtcvad", "silero") for h in HANGOVERS}
    own = {"transducer " + ", ".join(f"{k} {v:g}" for k, v in bars.items()):
           TransducerEndpointer(weights, **bars) for bars in BARS}
    model = next(iter(own.values())).module
    for each in speech:
        heard, utterance = _paused(each, pauses)
        with torch.inference_mode():
            scores = list(Ends(model).push(heard))
        yield Turned(utterance, {
            **{name: pointer.open(RATE).push(heard) for name, pointer in silent.items()},
            **{name: [e for passed in map(pointer.bars().passed, *zip(*scores, strict=True))
                      for e in passed] for name, pointer in own.items()}})


def _paused(recording: Recording, pauses: Pauses) -> tuple[Any, Utterance]:
    """What is heard, and the utterance with the time of its last word in it."""
    from evalkit.core.types import Audio

    made = pauses.apply(Audio(recording.wave, RATE), recording.utterance)
    last = recording.utterance.words[-1]
    moved = sum(seconds for at, seconds in made.inserted if at < (last.end or 0.0))
    return made.audio.samples, replace(
        recording.utterance, duration=made.audio.duration,
        words=(replace(last, text=recording.text, start=0.0, end=(last.end or 0.0) + moved),))


def _scores(condition: str, turned: Sequence[Turned]) -> pd.DataFrame:
    rows = []
    for each in turned:
        for name, found in each.found.items():
            output = Output(hypothesis=Hypothesis("", events=tuple(
                Event(e.audio, "", e.kind) for e in found)))
            rows += [{"pipeline": name, "condition": condition, "utterance_id": each.utterance.id,
                      "speaker_id": each.utterance.speaker, "metric": metric, "amount": m.amount,
                      "weight": m.weight, "error": None}
                     for metric, m in EndpointDelay().measure(each.utterance, output).items()]
    return pd.DataFrame(rows)


def _line(row: EndpointRow) -> str:
    early = row.early_cut
    waits = [f"{q.value:.0f} [{q.low:.0f}, {q.high:.0f}]" for q in row.delay] or ["", ""]
    return (f"| {row.pipeline} | {row.group} | {row.n} | {100 * early.value:.1f} "
            f"[{100 * early.low:.1f}, {100 * early.high:.1f}] | {100 * row.no_endpoint:.1f} | "
            f"{' | '.join(waits)} | {row.resets:.0f} |")


if __name__ == "__main__":
    main()
