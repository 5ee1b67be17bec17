"""How good could PercepNet be, if its network knew the clean speech?

    python -m benchmarks.oracle_ladder [--data FOLDER] [--speakers 10] [--utterances 1]
        [--noises kitchen exercise_bike doing_the_dishes babble] [--snrs 0 10 20] [--rate 48000]
        [--no-dnsmos] [--results FILE.jsonl]
    python -m benchmarks.oracle_ladder --page FILE.html [--results FILE.jsonl] [--heard MANIFEST]

The rungs: the noisy speech; its phase with the clean magnitudes in every bin; the best gains in
34 bands; and the comb filter; and the postfilter. The comb filter works with the pitch of the
noisy speech, and for comparison with that of the clean. FOLDER, EVALKIT_REAL_DATA where none is
given, holds librispeech_test-other/ in LibriSpeech's layout and noise/*.wav. Intervals are 95 %, by
speaker. Printed too: what is to hold, and whether it does; and how many voiced frames have the
clean speech's pitch within 5 %, where a frame is voiced if the clean speech has a correlation of
0.8 a period apart there and is within 20 dB of its loudest frame. Scores are added to FILE as they
come, and what it holds is not scored again. The whole takes ten minutes of a core.

--page also writes a page with players, spectrograms and the table, beside it a picture, and prints
the table in Markdown. It lets the first reader be heard in the first noise, or the first
speaker of a MANIFEST, such as one of the default corpus, whose recordings may be shown to anybody.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from benchmarks.ladder import measured
from benchmarks.ladder.measured import Cell, Scorer
from benchmarks.ladder.mixtures import NOISE_FOLDER, mixtures, readers, synthetic
from benchmarks.ladder.page import Example, markdown, write_page
from benchmarks.ladder.rungs import BANDS, BINS, CLEAN_PITCH, CLIPPED, COMB, NOISY, POSTFILTER
from evalkit.core.types import Interval
from evalkit.metrics.dnsmos import Dnsmos
from evalkit.metrics.pesq import PesqWideband
from evalkit.metrics.si_sdr import SiSdr
from evalkit.metrics.stoi import Estoi, Stoi

NOISES = ["kitchen", "exercise_bike", "doing_the_dishes", "babble"]
PITCH_AT = 10.0
"""dB at which the pitch has to be right."""
BACKGROUND = "dnsmos_bak"
PAGE_SNR = 5.0
"""dB of what is heard on the page."""
LICENCE = ("Speech: LibriSpeech (Panayotov et al. 2015), CC BY 4.0. Noise: kitchen of Picovoice's "
           "speech-to-intent benchmark, Apache-2.0; all other, Speech Commands (Warden 2018), "
           "CC BY 4.0.")
SYNTHETIC = "What is heard is synthetic, from evalkit's default corpus (espeak-ng)."


def measured_cells(options: argparse.Namespace) -> Iterator[Cell]:
    metrics = [PesqWideband(), Stoi(), Estoi(), SiSdr(), *([Dnsmos()] * options.dnsmos)]
    scorer = Scorer(metrics, options.results)
    for mixture in mixtures(readers(options.data), options.data / NOISE_FOLDER,
                            speakers=options.speakers, utterances=options.utterances,
                            rate=options.rate, noises=options.noises, snrs=options.snrs):
        yield scorer.cell(mixture)


def held(scores: pd.DataFrame, cells: Sequence[Cell]) -> Iterator[tuple[str, str, bool]]:
    """What is to hold, what was measured, and whether it does."""
    gain = measured.difference(scores, "pesq_wb", COMB, BANDS)
    yield "PESQ of comb at least .25 above bands", shown(gain), gain.value >= 0.25
    si_sdr = [found[rung].value for found in [measured.means(scores, "si_sdr")]
              for rung in (NOISY, BANDS, COMB, POSTFILTER)]
    yield ("SI-SDR rises from noisy to bands to comb to postfilter",
           " < ".join(f"{value:.2f}" for value in si_sdr), si_sdr == sorted(set(si_sdr)))
    stoi = measured.difference(scores, "stoi", COMB, BANDS)
    yield "STOI of comb within .005 of bands", shown(stoi, 4), abs(stoi.value) <= 0.005
    if BACKGROUND in set(scores["metric"]):
        yield from background(scores)
    pitch = [cell for cell in cells if cell.mixture.snr == PITCH_AT]
    if pitch:
        near = measured.pitch_agreement(pitch)
        yield (f"pitch within 5 % in 95 % of voiced frames at {PITCH_AT:g} dB", shown(near),
               near.value >= 0.95)
    way = measured.share(scores, "pesq_wb", COMB, BANDS, CLEAN_PITCH)
    yield "the noisy pitch closes 70 % of the way to the clean one", shown(way), way.value >= 0.7


def background(scores: pd.DataFrame) -> Iterator[tuple[str, str, bool]]:
    """Of the bins with gains of at most 1 too, as the bands have."""
    found = measured.means(scores, BACKGROUND)
    best = max((NOISY, BANDS, COMB), key=lambda rung: found[rung].value)
    for other in (best, CLIPPED, BINS):
        gain = measured.difference(scores, BACKGROUND, POSTFILTER, other)
        yield (f"DNSMOS background of the postfilter above that of {other}", shown(gain),
               gain.value > 0)


def shown(of: Interval, decimals: int = 3) -> str:
    return f"{of.value:.{decimals}f} ({of.low:.{decimals}f} to {of.high:.{decimals}f})"


def show(scores: pd.DataFrame, of: Sequence[Cell]) -> None:
    metrics = list(dict.fromkeys(scores["metric"]))
    by_metric = {metric: measured.means(scores, metric) for metric in metrics}
    for rung in dict.fromkeys(scores["rung"]):
        print(f"{rung:28}", "  ".join(f"{metric} {shown(by_metric[metric][rung])}"
                                      for metric in metrics if rung in by_metric[metric]))
    for snr in sorted({cell.mixture.snr for cell in of}):
        near = measured.pitch_agreement([cell for cell in of if cell.mixture.snr == snr])
        print(f"pitch within 5 % at {snr:g} dB: {shown(near)} of voiced frames")
    for what, value, holds in held(scores, of):
        print(f"{'held    ' if holds else 'NOT HELD'} {what}: {value}")


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("EVALKIT_REAL_DATA") or None)
    parser.add_argument("--speakers", type=int, default=10)
    parser.add_argument("--utterances", type=int, default=1)
    parser.add_argument("--rate", type=int, default=48_000)
    parser.add_argument("--noises", nargs="+", default=NOISES)
    parser.add_argument("--snrs", type=float, nargs="+", default=[0.0, 10.0, 20.0])
    parser.add_argument("--dnsmos", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--heard", type=Path)
    return parser.parse_args()


def examples(options: argparse.Namespace) -> list[Example]:
    """What is to be heard on the page: one voice at PAGE_SNR."""
    speech, noises = ((synthetic(options.heard), ["stationary"]) if options.heard else
                      (readers(options.data), options.noises[:1]))
    return [Example.of(mixture) for mixture in mixtures(
        speech, options.data / NOISE_FOLDER, speakers=1, utterances=1, rate=options.rate,
        noises=noises, snrs=[PAGE_SNR])]


def main() -> None:
    options = options_of()
    if options.data is None:
        print("skipped: it needs real recordings; give --data, or set EVALKIT_REAL_DATA")
        return
    of = list(measured_cells(options))
    scores = measured.table(of)
    show(scores, of)
    if options.page:
        write_page(options.page, examples(options), scores, list(held(scores, of)),
                   SYNTHETIC if options.heard else LICENCE)
        print(markdown(scores))


if __name__ == "__main__":
    main()
