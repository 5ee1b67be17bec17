"""The oracle ladder: what the formulas give when nothing has to be guessed, and its page."""

from __future__ import annotations

import io
import re
from base64 import b64decode

import numpy as np
import pytest
import soundfile

from benchmarks.ladder import measured
from benchmarks.ladder.measured import Cell, Scorer
from benchmarks.ladder.mixtures import Mixture, mixed, mixtures, readers
from benchmarks.ladder.page import Example, markdown, write_page
from benchmarks.ladder.rungs import (
    BANDS,
    BINS,
    CLEAN,
    CLEAN_PITCH,
    CLIPPED,
    COMB,
    NOISY,
    POSTFILTER,
)
from benchmarks.oracle_ladder import held
from evalkit.audio import active_power
from evalkit.core.types import Audio, Output
from evalkit.metrics.pesq import PesqWideband
from evalkit.metrics.si_sdr import SiSdr
from evalkit.metrics.stoi import Stoi
from tests.models.percepnet.signals import voiced

RATE = 16_000


def test_every_rung_helps_as_the_benchmark_says(real_data):
    scorer = Scorer((PesqWideband(), SiSdr(), Stoi()), None)
    cells = [scorer.cell(mixture) for mixture in mixtures(
        readers(real_data), real_data / "noise", speakers=2, utterances=1, rate=RATE,
        noises=["kitchen"], snrs=[10.0])]
    pesq, si_sdr, stoi = (
        {rung: found.value for rung, found in
         measured.means(measured.table(cells), name).items()}
        for name in ("pesq_wb", "si_sdr", "stoi"))
    assert pesq[COMB] > pesq[BANDS] + 0.25
    assert pesq[CLEAN_PITCH] > pesq[COMB]
    assert pesq[BINS] > pesq[BANDS] > pesq[NOISY] + 0.5
    assert si_sdr[NOISY] < si_sdr[BANDS] < si_sdr[COMB]
    assert abs(stoi[COMB] - stoi[BANDS]) < 0.005
    assert min(cell.near / cell.voiced for cell in cells) > 0.7


def mixture(speaker: str = "a", snr: float = 10.0) -> Mixture:
    rng = np.random.default_rng(sum(speaker.encode()))
    clean = Audio(voiced(RATE, 1.5, 150), RATE)
    pair = mixed(clean, rng.standard_normal(len(clean.samples)), snr, RATE)
    return Mixture(speaker, f"{speaker}-1", "white", snr, *pair)


@pytest.mark.parametrize("snr", [0.0, 20.0])
def test_a_mixture_has_its_ratio_and_does_not_clip(snr):
    of = mixture(snr=snr)
    noise = of.noisy.samples - of.clean.samples
    assert 10 * np.log10(active_power(of.clean) / np.mean(noise**2)) == pytest.approx(snr, abs=0.01)
    loud = Audio((5 * of.clean.samples).astype(np.float32), RATE)
    assert np.abs(mixed(loud, noise, snr, RATE)[1].samples).max() <= 1


def test_a_signal_that_was_scored_is_not_scored_again(tmp_path):
    asked = []

    class Counting(SiSdr):
        def measure(self, utterance, output):
            asked.append(output)
            return super().measure(utterance, output)

    class Later(Counting):
        version = "another"

    kept, of = tmp_path / "kept.jsonl", mixture()
    first = Scorer([Counting()], kept).cell(of)
    once = len(asked)
    assert once == len(first.scores) - 1  # the clean speech has no SI-SDR
    assert Scorer([Counting()], kept).cell(of) == first and len(asked) == once
    Scorer([Counting()], kept).scores(NOISY, Output(of.clean, of.noisy))
    assert len(asked) == once + 1  # the other way round is another question
    Scorer([Later()], kept).cell(of)
    assert len(asked) == 2 * once + 1


def cells(*scores: tuple[str, dict[str, float]]) -> list[Cell]:
    return [Cell(mixture(speaker), 9, 10, {rung: {"pesq_wb": value, "si_sdr": value,
                                                  "stoi": value / 100, "dnsmos_bak": value}
                                           for rung, value in of.items()})
            for speaker, of in scores]


KNOWN = cells(("a", {NOISY: 1, BINS: 6, CLIPPED: 5, BANDS: 2, COMB: 3, CLEAN_PITCH: 4,
                     POSTFILTER: 5}),
              ("b", {NOISY: 1, BINS: 6, CLIPPED: 5, BANDS: 2, COMB: 4, CLEAN_PITCH: 5,
                     POSTFILTER: 6}))


def test_differences_are_paired_and_shares_are_of_sums():
    scores = measured.table(KNOWN)
    gain = measured.difference(scores, "pesq_wb", COMB, BANDS)
    assert (gain.value, gain.n_speakers) == (1.5, 2)
    half = 12.7062 * np.std([1, 2], ddof=1) / np.sqrt(2)  # t of one degree of freedom
    assert gain.high - gain.value == pytest.approx(half, rel=1e-4)
    assert measured.share(scores, "pesq_wb", COMB, BANDS, CLEAN_PITCH).value == pytest.approx(3 / 5)
    assert measured.pitch_agreement(KNOWN).value == pytest.approx(0.9)


def test_what_is_to_hold_is_told_from_what_does_not():
    found = {what: holds for what, _, holds in held(measured.table(KNOWN), KNOWN)}
    assert [what for what, holds in found.items() if not holds] == [
        "STOI of comb within .005 of bands",
        f"DNSMOS background of the postfilter above that of {BINS}",
        "pitch within 5 % in 95 % of voiced frames at 10 dB",
        "the noisy pitch closes 70 % of the way to the clean one"]
    assert len(found) == 8


def test_the_page_plays_what_the_rungs_make(tmp_path):
    of, scores = Example.of(mixture("<b>")), measured.table(KNOWN)
    pages = [tmp_path / "first.html", tmp_path / "second.html"]
    for page in pages:
        write_page(page, [of], scores, [("less <", "1", False)], "Licence & line.")
    first, second = (page.read_text(encoding="utf-8") for page in pages)
    assert first == second and pages[0].with_suffix(".png").stat().st_size > 1000
    assert "<b>-1" not in first and "less &lt;" in first and "Licence &amp; line." in first
    heard = [soundfile.read(io.BytesIO(b64decode(found)))
             for found in re.findall(r"data:audio/flac;base64,([^\"]+)", first)]
    assert [rate for _, rate in heard] == [RATE] * len(of.audio)
    for (samples, _), audio in zip(heard, of.audio.values(), strict=True):
        np.testing.assert_allclose(samples, np.clip(audio.samples, -1, 1), atol=1e-4)
    assert first.count("<audio") == first.count("data:image/png") == len(of.audio)
    assert "default-src 'none'" in first


def test_the_table_in_markdown_says_what_the_page_says():
    lines = markdown(measured.table(KNOWN)).splitlines()
    assert lines[0] == "| rung | PESQ-WB | STOI | SI-SDR, dB | DNSMOS background |"
    assert lines[2].startswith("| noisy | 1.000") and len(lines) == 2 + 7
    assert CLEAN not in {line.split(" | ")[0] for line in lines}
