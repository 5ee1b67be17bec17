"""PESQ, STOI and WER through evalkit with two workers, against a plain loop over the same files.

    python benchmarks/scoring.py

The peer is what a user would write: read, `pesq.pesq`, `pystoi.stoi`, one `jiwer.wer` at the end,
in one process. evalkit does more (both sides aligned, levels, failures, tables). The bar: at most
0.55 times the loop's wall time.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import jiwer
import numpy as np
import soundfile
from pesq import pesq
from pystoi import stoi

from evalkit.core.config import parse_config
from evalkit.run.runner import Work, run
from evalkit.store.manifest import read_manifest, write_manifest

ROOT = Path(__file__).parent.parent
FILES = 800
BAR = 0.55


def make(folder: Path) -> Path:
    """Noisy copies of the default corpus's first recordings, with made-up hypotheses."""
    source = read_manifest(ROOT / "datasets" / "accents" / "dev.jsonl").utterances[:FILES]
    rng = np.random.default_rng(0)
    rows, hypotheses = [], []
    (folder / "audio").mkdir()
    for utterance in source:
        clean, rate = soundfile.read(utterance.audio)
        noisy = clean + 0.02 * rng.standard_normal(len(clean))
        for kind, samples in (("clean", clean), ("noisy", noisy)):
            soundfile.write(folder / "audio" / f"{utterance.id}-{kind}.wav", samples, rate)
        rows.append({"id": utterance.id, "audio": f"audio/{utterance.id}-noisy.wav",
                     "reference_audio": f"audio/{utterance.id}-clean.wav",
                     "text": utterance.text, "speaker": utterance.speaker})
        hypotheses.append(f"{utterance.id}\t{utterance.text.rsplit(' ', 1)[0]}\n")
    write_manifest(folder / "test.jsonl", rows)
    (folder / "hypotheses.tsv").write_text("".join(hypotheses))
    return folder / "test.jsonl"


def plain_loop(manifest: Path) -> tuple[float, float, float]:
    """Mean PESQ, mean STOI and WER, as a user's own script would compute them."""
    heard = dict(line.split("\t") for line in
                 (manifest.parent / "hypotheses.tsv").read_text().splitlines())
    utterances = read_manifest(manifest).utterances
    perceptual, intelligible = [], []
    for utterance in utterances:
        clean, rate = soundfile.read(utterance.reference_audio)
        noisy, _ = soundfile.read(utterance.audio)
        perceptual.append(pesq(rate, clean, noisy, "wb"))
        intelligible.append(stoi(clean, noisy, rate))
    words = jiwer.wer([u.text for u in utterances], [heard[u.id] for u in utterances])
    return float(np.mean(perceptual)), float(np.mean(intelligible)), words


def with_evalkit(manifest: Path, out: Path) -> dict[str, float]:
    tree = {"corpus": manifest.name, "metrics": ["pesq_wb", "stoi", "wer"], "keep_audio": False,
            "pipelines": [{"name": "given", "recognizer": {
                "name": "precomputed", "path": str(manifest.parent / "hypotheses.tsv")}}]}
    folder = run(parse_config(tree, manifest), out, Work(2))
    return {row["metric"]: row["value"] for row in folder.summary()["scores"]}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        manifest = make(Path(name))
        started = time.perf_counter()
        plain = plain_loop(manifest)
        loop = time.perf_counter() - started
        started = time.perf_counter()
        ours = with_evalkit(manifest, Path(name) / "run")
        seconds = time.perf_counter() - started
    np.testing.assert_allclose([ours["pesq_wb"], ours["stoi"], ours["wer"]], plain, rtol=1e-3)
    print(f"{FILES} files: plain loop {loop:.1f} s, evalkit with two workers {seconds:.1f} s, "
          f"ratio {seconds / loop:.2f} (bar {BAR})")


if __name__ == "__main__":
    main()
