"""How good could PercepNet be, if its network knew the clean speech?

    python benchmarks/oracle_ladder.py [--data FOLDER] [--readers 3] [--utterances 1] [--rate 48000]
        [--noises kitchen exercise_bike babble] [--snrs 0 10] [--dnsmos] [--out FILE.json]

The rungs: the noisy speech; its phase with the clean magnitudes in every bin; the best gains in
34 bands; and the comb filter; and the postfilter. The comb filter works with the pitch of the
noisy speech, and for comparison with that of the clean. FOLDER, EVALKIT_REAL_DATA where none is
given, holds librispeech_test-other/ in LibriSpeech's layout and noise/*.wav. Intervals are 95 %, by
speaker. Printed too: how many voiced frames have the clean track's pitch within 5 %, where a frame
is voiced if the clean speech has a correlation of 0.8 a period apart there and is within 20 dB of
its loudest frame; and how much of the way in PESQ from bands alone to the comb with the clean pitch
the noisy pitch goes.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from evalkit.audio import active_power, fit, resample
from evalkit.core.types import Audio, Output, Utterance
from evalkit.metrics.dnsmos import Dnsmos
from evalkit.metrics.pesq import PesqWideband
from evalkit.metrics.si_sdr import SiSdr
from evalkit.metrics.stoi import Estoi, Stoi
from evalkit.models.percepnet import targets
from evalkit.models.percepnet.analysis import Analysis
from evalkit.models.percepnet.bands import bands_of
from evalkit.models.percepnet.features import analysis_of, answers, pitch_of
from evalkit.models.percepnet.frames import Framing
from evalkit.models.percepnet.pitch import Pitch
from evalkit.models.percepnet.shaping import shaped
from evalkit.recordings.reading import load

VOICES = 6
"""Readers that babble is made of."""
SECONDS = (4.0, 10.0)
"""Of the utterances that are tried."""


@dataclass(frozen=True)
class Mixture:
    """Clean and noisy speech, aligned, at one rate."""

    reader: str
    noise: str
    snr: float
    clean: Audio
    noisy: Audio


def mixtures(data: Path, options: argparse.Namespace) -> Iterator[Mixture]:
    corpus = data / "librispeech_test-other" / "test-other"
    readers = sorted(folder.name for folder in corpus.iterdir())
    for reader in readers[:options.readers]:
        for path in spoken_by(corpus, reader)[:options.utterances]:
            clean = load(path)
            for noise in options.noises:
                rng = np.random.default_rng(abs(int(reader)) + len(noise))
                others = [other for other in readers if other != reader]
                added = (babble(corpus, others[:VOICES], len(clean.samples), rng)
                         if noise == "babble" else
                         stretch(load(data / "noise" / f"{noise}.wav").samples,
                                 len(clean.samples), rng))
                for snr in options.snrs:
                    pair = mixed(clean, added, snr, options.rate)
                    yield Mixture(reader, noise, snr, *pair)


def spoken_by(corpus: Path, reader: str) -> list[Path]:
    paths = sorted((corpus / reader).rglob("*.flac"))
    return [path for path in paths if SECONDS[0] <= load(path).duration <= SECONDS[1]] or paths


def babble(corpus: Path, readers: Sequence[str], length: int, rng: np.random.Generator
           ) -> np.ndarray:
    """Voices at equal level."""
    voices = [stretch(np.concatenate([load(path).samples for path in spoken_by(corpus, reader)]),
                      length, rng) for reader in readers]
    return np.sum([voice / np.sqrt(np.mean(voice**2)) for voice in voices], axis=0)


def stretch(samples: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """So many samples from somewhere in ``samples``, repeated where they are too few."""
    long = np.tile(samples, -(-length // len(samples)))
    first = rng.integers(0, len(long) - length + 1)
    return long[first:first + length]


def mixed(clean: Audio, added: np.ndarray, snr: float, rate: int) -> tuple[Audio, Audio]:
    """Clean and noisy speech at ``rate`` Hz, turned down together where they would clip."""
    gain = np.sqrt(active_power(clean) / np.mean(added**2) / 10 ** (snr / 10))
    noisy = clean.samples + gain * added
    scale = 0.99 / max(0.99, float(np.abs(noisy).max()))
    first, second = (resample(Audio((scale * x).astype(np.float32), clean.rate), rate)
                     for x in (clean.samples, noisy))
    return first, second


def rungs(mixture: Mixture, pitch: Pitch, clean_pitch: Pitch) -> dict[str, Audio]:
    """What each rung of the ladder makes of a mixture."""
    framing = Framing(mixture.noisy.rate)
    bands = bands_of(framing)
    clean, noisy = both(mixture, pitch)
    gains, strengths = answers(clean, noisy)
    plain = targets.gains(clean.energies, noisy.energies)
    known = both(mixture, clean_pitch)
    spectra = {
        "400 magnitudes": magnitudes(clean, noisy),
        "34 bands": noisy.spectra * bands.over_bins(plain),
        "+ comb": shaped(noisy, gains, strengths, bands, envelope=False),
        "+ comb, clean pitch": shaped(known[1], *answers(*known), bands, envelope=False),
        "+ postfilter": shaped(noisy, gains, strengths, bands, envelope=True)}
    length = len(mixture.noisy.samples)
    return {"noisy": mixture.noisy,
            **{name: Audio(heard(made, framing, length), framing.rate)
               for name, made in spectra.items()}}


def both(mixture: Mixture, pitch: Pitch) -> tuple[Analysis, Analysis]:
    """Clean and noisy speech, both combed at one pitch."""
    framing = Framing(mixture.noisy.rate)
    return (analysis_of(mixture.clean.samples, framing, pitch),
            analysis_of(mixture.noisy.samples, framing, pitch))


def magnitudes(clean: Analysis, noisy: Analysis) -> np.ndarray:
    """The clean magnitudes up to 20 kHz with the noisy phase."""
    phase = noisy.spectra / np.maximum(np.abs(noisy.spectra), 1e-12)
    made = np.abs(clean.spectra) * phase
    made[:, 401:] = 0
    return made.astype(np.complex64)


def heard(spectra: np.ndarray, framing: Framing, length: int) -> np.ndarray:
    out, _ = framing.overlap_add(spectra, np.zeros(framing.hop, np.float32))
    return fit(out[framing.hop:], length)


def agreement(mixture: Mixture, pitch: Pitch, clean_pitch: Pitch) -> float:
    """Share of voiced frames whose period is within 5 % of the clean speech's."""
    clean, _ = both(mixture, clean_pitch)
    loudness = clean.energies.sum(axis=1)
    voiced = (clean_pitch.correlations > 0.8) & (loudness > loudness.max() / 100)
    near = np.abs(pitch.periods / clean_pitch.periods - 1) < 0.05
    return float(near[voiced].mean())


def scores(mixture: Mixture, processed: Audio, metrics: Sequence[Any]) -> dict[str, float]:
    output = Output(resample(processed, 16_000), resample(mixture.clean, 16_000))
    return {name: measured.amount for metric in metrics
            for name, measured in metric.measure(Utterance("x"), output).items()}


def tried(mixture: Mixture, metrics: Sequence[Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of scores by rung, and how the pitch fared."""
    framing = Framing(mixture.noisy.rate)
    noisy, clean = (pitch_of(audio.samples, framing) for audio in (mixture.noisy, mixture.clean))
    named = {"reader": mixture.reader, "noise": mixture.noise, "snr": mixture.snr}
    rows = [{**named, "rung": rung, **scores(mixture, audio, metrics)}
            for rung, audio in rungs(mixture, noisy, clean).items()]
    return rows, {**named, "pitch": agreement(mixture, noisy, clean)}


def interval(values: pd.Series, readers: pd.Series) -> str:
    """Mean, and a 95 % interval from the readers' means."""
    means = values.groupby(readers).mean()
    half = (stats.t.ppf(0.975, len(means) - 1) * means.std() / np.sqrt(len(means))
            if len(means) > 1 else np.nan)
    return f"{means.mean():.3f} ± {half:.3f}"


def closed(table: pd.DataFrame) -> float:
    """Share of the way in PESQ from bands to the comb with the clean pitch."""
    means = table.groupby("rung")["pesq_wb"].mean()
    return float((means["+ comb"] - means["34 bands"])
                 / (means["+ comb, clean pitch"] - means["34 bands"]))


def show(table: pd.DataFrame, pitch: pd.DataFrame) -> None:
    columns = [name for name in table if name not in ("reader", "noise", "snr", "rung")]
    for rung, rows in table.groupby("rung", sort=False):
        print(f"{rung:20}", "  ".join(f"{name} {interval(rows[name], rows['reader'])}"
                                      for name in columns))
    print("pitch within 5 %:", "  ".join(f"{snr:g} dB {interval(rows['pitch'], rows['reader'])}"
                                         for snr, rows in pitch.groupby("snr")))
    print(f"the noisy pitch closes {closed(table):.0%} of the way from bands to the clean pitch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("EVALKIT_REAL_DATA") or None)
    parser.add_argument("--readers", type=int, default=3)
    parser.add_argument("--utterances", type=int, default=1)
    parser.add_argument("--rate", type=int, default=48_000)
    parser.add_argument("--noises", nargs="+", default=["kitchen", "exercise_bike", "babble"])
    parser.add_argument("--snrs", type=float, nargs="+", default=[0.0, 10.0])
    parser.add_argument("--dnsmos", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.data is None:
        print("skipped: it needs real recordings; give --data, or set EVALKIT_REAL_DATA")
        return
    metrics = [PesqWideband(), Stoi(), Estoi(), SiSdr(), *([Dnsmos()] * options.dnsmos)]
    rows, pitch = [], []
    for mixture in mixtures(options.data, options):
        scored, tracked = tried(mixture, metrics)
        rows += scored
        pitch.append(tracked)
    show(pd.DataFrame(rows), pd.DataFrame(pitch))
    if options.out:
        options.out.write_text(json.dumps({"scores": rows, "pitch": pitch}, indent=1))


if __name__ == "__main__":
    main()
