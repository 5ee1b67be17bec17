"""The oracle ladder to be seen and heard: a page that holds everything in itself, and a picture."""

from __future__ import annotations

import tempfile
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image, ImageDraw

from benchmarks.ladder import measured
from benchmarks.ladder.mixtures import Mixture
from benchmarks.ladder.rungs import BINS, CLEAN, CLEAN_PITCH, LADDER, rungs
from evalkit.audio import resample, save
from evalkit.core.types import Audio, Interval
from evalkit.models.percepnet.features import pitch_of
from evalkit.models.percepnet.frames import Framing
from evalkit.report.recordings import Player
from evalkit.report.spectrograms import HEIGHT, WIDTH, picture, spectrogram

SECONDS = 3.0
"""Of a recording on the page."""
SHOWN = (CLEAN, *LADDER[:-1], CLEAN_PITCH, LADDER[-1])
TITLES = {"pesq_wb": "PESQ-WB", "stoi": "STOI", "estoi": "ESTOI", "si_sdr": "SI-SDR, dB",
          "dnsmos_ovrl": "DNSMOS overall", "dnsmos_sig": "DNSMOS speech",
          "dnsmos_bak": "DNSMOS background"}
"""Of the metrics that are shown, in their order."""
LABEL = 16
"""Pixels above a spectrogram for its name."""


@dataclass(frozen=True)
class Example:
    """One mixture, and what the rungs make of it, at the rate that they are scored at."""

    title: str
    audio: dict[str, Audio]

    @staticmethod
    def of(mixture: Mixture) -> Example:
        framing = Framing(mixture.rate)
        noisy, clean = (pitch_of(audio.samples, framing)
                        for audio in (mixture.noisy, mixture.clean))
        made = rungs(mixture, noisy, clean)
        return Example(mixture.name, {rung: _cut(made[rung]) for rung in SHOWN})

    @property
    def players(self) -> Iterator[Player]:
        for rung, audio in self.audio.items():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "rung.flac"
                save(path, audio)
                yield Player(rung, _within("audio/flac", path.read_bytes()),
                             picture=_within("image/png", spectrogram(path)))


def _within(kind: str, content: bytes) -> str:
    """The address of what stands in the page itself."""
    return f"data:{kind};base64,{b64encode(content).decode()}"


def _cut(audio: Audio) -> Audio:
    small = resample(audio, measured.RATE)
    return Audio(small.samples[:round(SECONDS * small.rate)], small.rate)


def write_page(path: Path, examples: Sequence[Example], scores: pd.DataFrame,
               held: Sequence[tuple[str, str, bool]], licence: str) -> None:
    """Writes the page to ``path``, with the table of ``scores`` and what is to be ``held``; and
    beside it the picture of the first example."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True,
                              undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style = files("evalkit.report") / "templates" / "style.css"
    columns = [metric for metric in TITLES if metric in set(scores["metric"])]
    html = environment.get_template("page.html.j2").render(
        style=Markup(style.read_text(encoding="utf-8")), examples=examples, seconds=SECONDS,
        licence=licence, held=held, columns=[TITLES[metric] for metric in columns],
        rows=list(rows(scores, columns)), cells=scores["utterance_id"].nunique(),
        speakers=scores["speaker_id"].nunique())
    path.write_text(html, encoding="utf-8")
    drawn(examples[0]).save(path.with_suffix(".png"), optimize=True)


def rows(scores: pd.DataFrame, metrics: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
    """Every rung with its values and intervals, "" where it has none."""
    means = [measured.means(scores, metric) for metric in metrics]
    for rung in dict.fromkeys(scores["rung"]):
        yield rung, [_cell(found.get(rung), 2 if metric == "si_sdr" else 3)
                     for metric, found in zip(metrics, means, strict=True)]


def _cell(of: Interval | None, decimals: int) -> tuple[str, str]:
    if of is None:
        return "", ""
    return (f"{of.value:.{decimals}f}", f"{of.low:.{decimals}f} to {of.high:.{decimals}f}")


def markdown(scores: pd.DataFrame) -> str:
    """The table of the rungs, for a page of Markdown: half the interval's width behind ±."""
    metrics = [metric for metric in TITLES if metric in set(scores["metric"])]
    lines = ["| rung | " + " | ".join(TITLES[metric] for metric in metrics) + " |",
             "| --- |" + " ---: |" * len(metrics)]
    for rung, values in rows(scores, metrics):
        lines.append(f"| {rung} | " + " | ".join(" ".join(filter(None, [value, interval and
                     f"({interval})"])) for value, interval in values) + " |")
    return "\n".join(lines)


def drawn(example: Example) -> Image.Image:
    """The spectrograms, two beside each other, each under its name."""
    shades = [(rung, picture(audio.samples, audio.rate)) for rung, audio in example.audio.items()
              if rung != BINS]
    columns, height = 2, HEIGHT + LABEL
    sheet = Image.new("L", (columns * (WIDTH + 8) - 8, -(-len(shades) // columns) * height), 255)
    pen = ImageDraw.Draw(sheet)
    for i, (rung, found) in enumerate(shades):
        x, y = i % columns * (WIDTH + 8), i // columns * height
        pen.text((x, y + 2), rung, fill=0)
        if found is not None:
            sheet.paste(Image.fromarray(np.asarray(found)), (x, y + LABEL))
    return sheet.quantize(32)
