"""The oracle ladder on real speech: what the formulas give when nothing has to be guessed."""

from __future__ import annotations

from argparse import Namespace

import pandas as pd

from benchmarks.oracle_ladder import agreement, mixtures, rungs, scores
from evalkit.metrics.pesq import PesqWideband
from evalkit.metrics.si_sdr import SiSdr
from evalkit.metrics.stoi import Stoi
from evalkit.models.percepnet.features import pitch_of
from evalkit.models.percepnet.frames import Framing


def test_every_rung_helps_as_the_benchmark_says(real_data):
    options = Namespace(readers=2, utterances=1, rate=16_000, noises=["kitchen"], snrs=[10.0])
    metrics, rows, near = (PesqWideband(), SiSdr(), Stoi()), [], []
    for mixture in mixtures(real_data, options):
        noisy, clean = (pitch_of(audio.samples, Framing(16_000))
                        for audio in (mixture.noisy, mixture.clean))
        near.append(agreement(mixture, noisy, clean))
        rows += [{"rung": rung, **scores(mixture, audio, metrics)}
                 for rung, audio in rungs(mixture, noisy, clean).items()]
    means = pd.DataFrame(rows).groupby("rung").mean()
    pesq, si_sdr, stoi = (means[name] for name in ("pesq_wb", "si_sdr", "stoi"))
    assert pesq["+ comb"] > pesq["34 bands"] + 0.25
    assert pesq["+ comb, clean pitch"] > pesq["+ comb"]
    assert pesq["400 magnitudes"] > pesq["34 bands"] > pesq["noisy"] + 0.5
    assert si_sdr["noisy"] < si_sdr["34 bands"] < si_sdr["+ comb"]
    assert abs(stoi["+ comb"] - stoi["34 bands"]) < 0.005
    assert min(near) > 0.7
