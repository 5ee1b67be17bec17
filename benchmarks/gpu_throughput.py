"""Utterances a second of a CTC model of transformers through `evalkit run`, at several batch sizes,
with scoring off and on, beside a bare loop over the same model.

    python benchmarks/gpu_throughput.py --device cuda
    python benchmarks/gpu_throughput.py --device cpu --tiny --utterances 24

Needs no network: the model is a Wav2Vec2ForCTC of wav2vec2-base's size (95 million weights) that is
made here with random weights, and what it hears are seven seconds of noise and harmonics in the
rhythm of speech. The rate is that of the shards after the first one that is done: loading torch and
the model is no part of it. "off" is a metric that does nothing, "words" scores word and character
errors, "signals" STOI too, of audio that a condition has changed. The bare loop has the audio in
memory and does nothing but features, network and decoding: what the run could reach at most on one
graphics processor.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parent.parent
RATE, SECONDS = 16_000, 7.0
LETTERS = "etaoinshrdlcumwfgypbvkjxqz'"
TEXT = ("the quick brown fox jumps over a lazy dog while seven old men carry grain to market and "
        "sing of rain")
SCORING = {"off": (["nothing"], "clean"), "words": (["wer", "cer"], "clean"),
           "signals": (["wer", "cer", "stoi"], {"name": "soft", "plugin": {
               "name": "gain", "options": {"gain": -3.0}}})}
NOTHING = """
from dataclasses import dataclass
from typing import ClassVar
from evalkit.core.types import Fact, Measurement
@dataclass(frozen=True)
class Nothing:
    name: ClassVar[str] = "nothing"
    version: ClassVar[str] = "1"
    needs: ClassVar[frozenset] = frozenset({"hypothesis"})
    text_options: ClassVar[frozenset] = frozenset()
    facts: ClassVar[dict] = {"nothing": Fact("", None, "nothing")}
    def measure(self, utterance, output):
        return {"nothing": Measurement(1.0, 1.0)}
"""


def make_model(folder: Path, *, tiny: bool) -> Path:
    """A Wav2Vec2ForCTC with random weights, with its processor, in transformers' own format."""
    import torch

    from evalkit.systems.transformers import library

    transformers = library()
    vocabulary = {token: n for n, token in enumerate(["<pad>", "<unk>", "|", *LETTERS])}
    size = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
            "intermediate_size": 128, "conv_dim": (32,) * 7} if tiny else {}
    torch.manual_seed(0)
    module = transformers.Wav2Vec2ForCTC(transformers.Wav2Vec2Config(
        vocab_size=len(vocabulary), pad_token_id=0, mask_time_prob=0.0, layerdrop=0.0, **size))
    with torch.no_grad():  # so that more than one letter is heard
        module.lm_head.weight.mul_(20)
    module.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    tokenizer = transformers.Wav2Vec2CTCTokenizer(
        str(folder / "vocab.json"), pad_token="<pad>", unk_token="<unk>",
        word_delimiter_token="|", bos_token=None, eos_token=None)
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=RATE,
                                                      return_attention_mask=True)
    transformers.Wav2Vec2Processor(extractor, tokenizer).save_pretrained(folder)
    return folder


def make_metric(folder: Path) -> None:
    """A plug-in of evalkit, for processes that are started with ``folder`` in PYTHONPATH."""
    info = folder / "nothing-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nothing\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[evalkit.metrics]\nnothing = nothing_metric:Nothing\n")
    (folder / "nothing_metric.py").write_text(NOTHING)
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(folder), str(ROOT), os.environ.get("PYTHONPATH")]))


def voice(rng: np.random.Generator) -> np.ndarray:
    """Harmonics and noise that come and go four times a second, float32."""
    time_ = np.arange(int(SECONDS * RATE)) / RATE
    pitch = rng.uniform(90, 220) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.2, 0.6) * time_))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 9))
    rhythm = np.clip(np.sin(2 * np.pi * 4 * time_ + rng.uniform(0, 6)) + 0.3, 0, None)
    return (0.1 * rhythm * (tone + 0.3 * rng.standard_normal(len(time_)))).astype(np.float32)


def make_corpus(folder: Path, utterances: int) -> None:
    """Recordings, and the manifest test.jsonl."""
    rng = np.random.default_rng(0)
    (folder / "audio").mkdir()
    rows = []
    for n in range(utterances):
        soundfile.write(folder / "audio" / f"{n}.wav", voice(rng), RATE)
        rows.append(json.dumps({
            "id": f"u{n}", "audio": f"audio/{n}.wav", "speaker": f"s{n // 8}",
            "text": " ".join(rng.choice(TEXT.split(), 18)), "duration": SECONDS}) + "\n")
    (folder / "test.jsonl").write_text("".join(rows))


def timed_run(folder: Path, chosen: argparse.Namespace, batch: int, scoring: str
              ) -> tuple[float, float]:
    """Of a new `evalkit run` utterances a second once it works, and its wall seconds in all."""
    metrics, condition = SCORING[scoring]
    settings = {
        "corpus": "test.jsonl", "conditions": [condition], "metrics": metrics,
        "keep_audio": False, "batch_check": 0, "shard_size": chosen.shard,
        "pipelines": [{"name": "ctc", "recognizer": {"name": "transformers", "options": {
            "path": "model", "device": chosen.device, "precision": chosen.precision,
            "batch": batch}}}]}
    name = f"{batch}-{scoring}"
    (folder / f"{name}.yaml").write_text(json.dumps(settings))
    words = ["run", folder / f"{name}.yaml", "--out", folder / "runs" / name]
    for option in ("workers", "scorers"):
        if (given := getattr(chosen, option)) is not None:
            words += [f"--{option}", str(given)]
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "evalkit", *map(str, words)], check=False,
                          capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if not (folder / "runs" / name / "run.json").exists():
        raise SystemExit(f"evalkit {' '.join(map(str, words))} failed:\n{done.stderr[-2000:]}")
    done_at = sorted(path.stat().st_mtime for path in (folder / "runs" / name / "scores").iterdir())
    return (len(done_at) - 1) * chosen.shard / (done_at[-1] - done_at[0]), seconds


def bare(folder: Path, chosen: argparse.Namespace, batch: int) -> float:
    """Utterances a second of the model alone."""
    from evalkit.core.types import Audio
    from evalkit.systems.transformers import TransformersCtc

    system = TransformersCtc(folder / "model", device=chosen.device, precision=chosen.precision,
                             batch=batch)
    rng = np.random.default_rng(1)
    heard = [Audio(voice(rng), RATE) for _ in range(max(batch, 8))]
    system.transcribe(heard[:batch])
    rounds = max(2, min(chosen.utterances, 512) // batch)
    began = time.perf_counter()
    for n in range(rounds):
        first = n * batch % len(heard)
        said = system.transcribe(heard[first:first + batch])
    seconds = time.perf_counter() - began
    print(f"# batch {batch}: the last of them: {said[-1].text[:60]!r}", flush=True)
    return rounds * batch / seconds


def machine() -> str:
    """What this was measured on."""
    import torch

    graphics = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU"
    return f"{graphics}, {os.cpu_count()} cores, torch {torch.__version__}"


def read_words() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", default="float32",
                        choices=["float32", "float16", "bfloat16"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--scoring", nargs="+", choices=SCORING, default=list(SCORING))
    parser.add_argument("--utterances", type=int, default=1024)
    parser.add_argument("--shard", type=int, default=64, help="utterances a shard")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--scorers", type=int)
    parser.add_argument("--tiny", action="store_true", help="a model of a few thousand weights")
    return parser.parse_args()


def main() -> None:
    chosen = read_words()
    print(f"# {machine()}; {chosen.device}, {chosen.precision}, "
          f"{'tiny' if chosen.tiny else 'wav2vec2-base size'}, {chosen.utterances} x {SECONDS:g} s "
          f"in shards of {chosen.shard}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_metric(folder / "plugins")
        make_model(folder / "model", tiny=chosen.tiny)
        make_corpus(folder, chosen.utterances)
        print("batch  scoring  utterances/s  x real time  of the bare loop  whole run s",
              flush=True)
        for batch in chosen.batches:
            most = bare(folder, chosen, batch)
            print(f"{batch:5}  {'bare':7}  {most:12.1f}  {most * SECONDS:11.0f}", flush=True)
            for scoring in chosen.scoring:
                rate, seconds = timed_run(folder, chosen, batch, scoring)
                print(f"{batch:5}  {scoring:7}  {rate:12.1f}  {rate * SECONDS:11.0f}  "
                      f"{rate / most:16.0%}  {seconds:10.1f}", flush=True)


if __name__ == "__main__":
    main()
