"""Making the reference recognizer: its weights, and the model card that describes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from pandas import DataFrame

from evalkit.conditions.noise import Noise
from evalkit.core.files import digest
from evalkit.core.types import Audio, Hypothesis, Output, Recording
from evalkit.metrics.words import WordErrors
from evalkit.models.ctc.network import RATE, CtcRecognizer
from evalkit.models.ctc.training import Progress, TrainingConfig, reference_recordings, train

GROUP = "accent"
NOISE = Noise("babble", 5.0)
CONDITIONS = {"clean": None, "babble 5 dB": NOISE}

_CARD = """\
# Reference recognizer

A character CTC network of {parameters:,} parameters, for trying evalkit: small enough to ship, and
trained so that it serves some accents worse than others. Its training and test speech is
synthetic (espeak-ng). It errs most on accents that are rare in its training data; **nothing
here says anything about people or their accents**, and it is of no use on real speech.

- weights: `{weights}`, SHA-256 `{digest}`
- trained by `evalkit train recognizer`, seed {seed}, on {utterances} utterances; \
the accents beside the most frequent one are scarce on purpose
- took {wall:.0f} s and {cpu:.0f} s of processor time on {workers} threads, \
and ended at {loss:.3f} nats a character on dev
- word error rates on the speakers and sentences of test, neither of which is in train: errors \
divided by words, both pooled

{table}

## Recipe

{recipe}
"""


@dataclass(frozen=True)
class Card:
    """What is known of a file of weights.

    ``word_errors`` has a row per accent, and ``all``, and the columns ``train`` (utterances),
    ``words`` of test, and errors in each of CONDITIONS."""

    weights: Path
    config: TrainingConfig
    parameters: int
    word_errors: DataFrame
    loss: float
    wall_seconds: float
    cpu_seconds: float
    workers: int

    def markdown(self) -> str:
        """The card, to be read."""
        return _CARD.format(
            parameters=self.parameters, weights=self.weights.name, digest=digest(self.weights),
            seed=self.config.seed, utterances=self.word_errors.loc["all", "train"],
            wall=self.wall_seconds, cpu=self.cpu_seconds, workers=self.workers, loss=self.loss,
            table=_table(self.word_errors), recipe=_recipe(self.config))


def train_reference(corpus: Path, out: Path, *, seed: int = 0, workers: int = 1,
                    config: TrainingConfig | None = None,
                    progress: Progress = lambda *_: None) -> Card:
    """Trains on ``corpus`` (train.jsonl, dev.jsonl, test.jsonl), writes recognizer.safetensors
    and card.md into ``out`` and returns the card. ``seed`` replaces that of ``config``. Raises
    ManifestError for an utterance that cannot be trained on."""
    config = (config or TrainingConfig()).model_copy(update={"seed": seed})
    weights = out / "recognizer.safetensors"
    losses: list[float] = []

    def watch(epoch: int, epochs: int, loss: float, seconds: float) -> None:
        losses.append(loss)
        progress(epoch, epochs, loss, seconds)

    wall, cpu = perf_counter(), process_time()
    model = train(corpus / "train.jsonl", corpus / "dev.jsonl", weights, config=config,
                  workers=workers, progress=watch)
    wall, cpu = perf_counter() - wall, process_time() - cpu
    card = Card(weights, config, sum(p.numel() for p in model.parameters()),
                _word_errors(model, corpus), losses[-1], wall, cpu, workers)
    (out / "card.md").write_text(card.markdown(), encoding="utf-8")
    return card


def count_errors(model: CtcRecognizer, speech: Sequence[Recording],
                 noise: Noise | None = None) -> DataFrame:
    """Word errors and reference words by accent, a frame with the columns ``errors`` and
    ``words``; ``noise`` is added where given."""
    if noise:
        noise = noise.bind([r.utterance for r in speech])
    waves = [noise.apply(Audio(r.wave, RATE), r.utterance).samples if noise else r.wave
             for r in speech]
    texts = model.transcribe(waves)
    errors = [WordErrors().measure(r.utterance, Output(hypothesis=Hypothesis(text)))["wer"]
             for r, text in zip(speech, texts, strict=True)]
    return DataFrame({"errors": [int(m.amount) for m in errors],
                      "words": [int(m.weight) for m in errors]}
                     ).groupby([_group(r) for r in speech]).sum()


def _word_errors(model: CtcRecognizer, corpus: Path) -> DataFrame:
    test = reference_recordings(corpus / "test.jsonl")
    counts = {name: count_errors(model, test, noise) for name, noise in CONDITIONS.items()}
    trained_on = Counter(_group(r) for r in reference_recordings(corpus / "train.jsonl"))
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


def _recipe(config: TrainingConfig) -> str:
    options = config.model_dump()
    network = options.pop("network")
    return "\n".join(f"- {name}: {value}" for name, value in {**options, **network}.items())
