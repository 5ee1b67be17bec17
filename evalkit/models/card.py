"""Making a reference recognizer: its weights, and the model card that describes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from pandas import DataFrame

from evalkit.conditions.noise import Noise
from evalkit.core.files import digest, write
from evalkit.core.types import Audio, Hypothesis, Output, Recording
from evalkit.metrics.words import WordErrors
from evalkit.training.from_scratch import (
    FromScratch,
    Kind,
    Model,
    Progress,
    train_from_scratch,
)

GROUP = "accent"
CONDITIONS = {"clean": None, "babble 5 dB": Noise("babble", 5.0)}

_CARD = """\
{about}
- weights: `{weights}`, SHA-256 `{digest}`
- trained by `evalkit train {name}`, seed {seed}, on {utterances} utterances; \
the accents beside the most frequent one are scarce on purpose
- took {wall:.0f} s and {cpu:.0f} s of processor time on {workers} threads{since}, \
and ended at {loss:.3f} nats a character on dev
- word error rates on the speakers and sentences of test, neither of which is in train: errors \
divided by words, both pooled

{table}

## Recipe

{recipe}
"""


@dataclass(frozen=True)
class RecognizerCard:
    """What is known of a file of weights; ``about`` says what they are of, with a place for the
    number of ``parameters``. Where the training ``went_on``, the seconds are those since.

    ``word_errors`` has a row per accent, and ``all``, and the columns ``train`` (utterances),
    ``words`` of test, and errors in each of CONDITIONS."""

    about: str
    weights: Path
    config: FromScratch
    parameters: int
    word_errors: DataFrame
    loss: float
    wall_seconds: float
    cpu_seconds: float
    workers: int
    went_on: bool = False

    def markdown(self) -> str:
        """The card, to be read."""
        return _CARD.format(
            about=self.about.format(parameters=self.parameters), name=self.weights.stem,
            weights=self.weights.name, digest=digest(self.weights),
            seed=self.config.seed, utterances=self.word_errors.loc["all", "train"],
            wall=self.wall_seconds, cpu=self.cpu_seconds, workers=self.workers, loss=self.loss,
            since=" since it was last stopped" if self.went_on else "",
            table=_table(self.word_errors), recipe=_recipe(self.config.model_dump()))


def make(kind: Kind[Model], about: str, corpus: Path, weights: Path, *, config: FromScratch,
         workers: int = 1, device: str = "cpu", checkpoint: Path | None = None,
         progress: Progress = lambda *_: None) -> RecognizerCard:
    """Trains on ``corpus`` (train.jsonl, dev.jsonl, test.jsonl), writes ``weights``, and card.md
    beside them, and returns the card, which begins with ``about``. The stem of ``weights`` is
    the name of the command. Raises what ``train_from_scratch`` does."""
    losses: list[float] = []

    def watch(epoch: int, epochs: int, loss: float, seconds: float) -> None:
        losses.append(loss)
        progress(epoch, epochs, loss, seconds)

    went_on = checkpoint is not None and checkpoint.is_file()
    test = kind.some_recordings(corpus / "test.jsonl")
    wall, cpu = perf_counter(), process_time()
    model = train_from_scratch(kind, corpus, config=config, workers=workers, device=device,
                               checkpoint=checkpoint, progress=watch)
    kind.save(model, weights)
    wall, cpu = perf_counter() - wall, process_time() - cpu
    card = RecognizerCard(about, weights, config, sum(p.numel() for p in model.parameters()),
                          _word_errors(kind, model, corpus, test), losses[-1], wall, cpu, workers,
                          went_on)
    write(weights.parent / "card.md", card.markdown())
    return card


def count_errors(kind: Kind[Model], model: Model, speech: Sequence[Recording],
                 noise: Noise | None = None) -> DataFrame:
    """Word errors and reference words by accent, a frame with the columns ``errors`` and
    ``words``; ``noise`` is added where given."""
    if noise:
        noise = noise.bind([r.utterance for r in speech])
    waves = [noise.apply(Audio(r.wave, kind.rate), r.utterance).samples if noise else r.wave
             for r in speech]
    texts = kind.transcribe(model, waves)
    errors = [WordErrors().measure(r.utterance, Output(hypothesis=Hypothesis(text)))["wer"]
             for r, text in zip(speech, texts, strict=True)]
    return DataFrame({"errors": [int(m.amount) for m in errors],
                      "words": [int(m.weight) for m in errors]}
                     ).groupby([_group(r) for r in speech]).sum()


def _word_errors(kind: Kind[Model], model: Model, corpus: Path, test: Sequence[Recording]
                 ) -> DataFrame:
    counts = {name: count_errors(kind, model, test, noise) for name, noise in CONDITIONS.items()}
    trained_on = Counter(_group(r) for r in kind.recordings(corpus / "train.jsonl"))
    table = DataFrame({"words": next(iter(counts.values()))["words"],
                       **{name: count["errors"] for name, count in counts.items()}})
    table.insert(0, "train", [trained_on[group] for group in table.index])
    table = table.loc[(table["clean"] / table["words"]).sort_values().index]
    table.loc["all"] = table.sum()
    return table


def _group(recording: Recording) -> str:
    return str(recording.utterance.metadata.get(GROUP) or "unknown")


def _table(errors: DataFrame) -> str:
    rows = [[GROUP, "train utterances", "test words", *(f"WER, {name}" for name in CONDITIONS)],
            ["---"] + ["---:"] * (2 + len(CONDITIONS))]
    for group, row in errors.iterrows():
        rates = (f"{row[name] / row['words']:.1%}" for name in CONDITIONS)
        rows.append([str(group), str(row["train"]), str(row["words"]), *rates])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _recipe(options: dict[str, Any]) -> str:
    """The options, those of the network among them, but for what is not done."""
    flat = {**options, **options.get("network", {})}
    flat.pop("network", None)
    return "\n".join(f"- {name}: {_named(value)}" for name, value in flat.items()
                     if value is not None)


def _named(value: Any) -> Any:
    """A file by its name alone: a card is published, and folders are its maker's own."""
    if isinstance(value, tuple) and any(isinstance(each, Path) for each in value):
        return ", ".join(map(_named, value))
    return value.name if isinstance(value, Path) else value
