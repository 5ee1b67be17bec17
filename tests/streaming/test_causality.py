"""How far ahead systems look, and whether their streams are sound: of systems that are known,
against SpeechBrain's function, and of liars."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from evalkit.core.config import PipelineConfig
from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio, Cost, Hypothesis, Shown
from evalkit.run import causality
from evalkit.run.causality import Examined, examine
from evalkit.run.dependencies import Perturbed, dependencies, step_of
from evalkit.systems.framed import Framed
from evalkit.systems.speechbrain_folder import ensure_importable
from tests.conftest import evalkit

RATE = 8000
SPEECH = Audio(np.random.default_rng(1).standard_normal(RATE).astype(np.float32) / 10, RATE)


class Causal(nn.Module):
    """Hears so many steps before and after."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.pad = nn.ConstantPad1d((before, after), 0.0)
        self.filter = nn.Conv1d(3, 4, before + after + 1)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.filter(self.pad(frames.transpose(1, 2))).transpose(1, 2)


class Recurrent(nn.Module):
    def __init__(self, *, both: bool) -> None:
        super().__init__()
        self.layer = nn.GRU(3, 4, batch_first=True, bidirectional=both)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.layer(frames)[0]


@pytest.mark.parametrize("make", [
    lambda: Causal(2, 0), lambda: Causal(0, 3), lambda: Causal(1, 1),
    lambda: Recurrent(both=False), lambda: Recurrent(both=True)])
def test_dependencies_are_those_that_speechbrain_finds(make: Any) -> None:
    ensure_importable()
    from speechbrain.utils.streaming import infer_dependency_matrix

    torch.manual_seed(0)
    model, n = make(), 12
    theirs = infer_dependency_matrix(model, (1, n, 3)).numpy()

    def ours(frames: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(frames)[None])[0].numpy()

    frames = np.random.default_rng(0).random((n, 3), np.float32)
    assert np.array_equal(dependencies(ours, frames, [(i, i + 1) for i in range(n)]), theirs)


# Systems that are known

class Filtered:
    """An enhancer that hears ``before`` and ``after`` samples around each, late by ``after`` in its
    stream, and in the whole as it ``states``."""

    batch, identity, cost = 1, "filtered", Cost(unknown="a test")

    def __init__(self, before: int, after: int, states: int | None = None) -> None:
        self.before, self.after = before, after
        self.late = after if states is None else states
        self.rate, self.delay = RATE, self.late / RATE

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        return [self._whole(each) for each in batch]

    def _whole(self, speech: Audio) -> Audio:
        made = np.convolve(speech.samples, np.ones(self.before + self.after + 1, np.float32))
        start = self.after - self.late
        return Audio(made[start:start + len(speech.samples) + self.late], RATE)

    def open(self, rate: int) -> Any:
        self.memory = np.zeros(self.before + self.after, np.float32)
        return Framed(1, self.after, self._next)

    def _next(self, frame: np.ndarray) -> np.ndarray:
        heard = np.concatenate([self.memory, frame])
        self.memory = heard[1:]
        return heard.sum(keepdims=True)


class Cheating(Filtered):
    """Its stream takes the mean of every piece away."""

    def open(self, rate: int) -> Any:
        return self

    def push(self, samples: np.ndarray) -> np.ndarray:
        return samples - samples.mean()

    def finish(self) -> np.ndarray:
        return np.zeros(0, np.float32)

    @property
    def delay(self) -> float:
        return 0

    @delay.setter
    def delay(self, _value: float) -> None: ...


class Levelled(Cheating):
    """It makes the whole as loud as any other, and its stream nothing of it."""

    def _whole(self, speech: Audio) -> Audio:
        return Audio(speech.samples / speech.samples.std(), RATE)

    def push(self, samples: np.ndarray) -> np.ndarray:
        return samples


class Otherwise(Filtered):
    """Its stream is louder than the whole."""

    def _next(self, frame: np.ndarray) -> np.ndarray:
        return np.float32(1.001) * super()._next(frame)


class Uncertain(Filtered):
    def _whole(self, speech: Audio) -> Audio:
        return Audio(np.random.default_rng().random(len(speech.samples)).astype(np.float32), RATE)


class Hearing:
    """A recognizer that shows how much it has heard, once in 100 ms; it may ``count`` the pieces in
    place of the samples, or ``keep`` what it heard before this utterance."""

    rate, batch, needs_audio, identity = RATE, 1, True, "hearing"

    def __init__(self, *, count: bool = False, keep: bool = False, whole: str = "8000") -> None:
        self.count, self.keep, self.whole, self.heard = count, keep, whole, 0

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        return [Hypothesis(self.whole) for _ in batch]

    def open(self, rate: int) -> Hearing:
        self.heard = self.heard if self.keep else 0
        return self

    def push(self, samples: np.ndarray) -> list[Shown]:
        before = self.heard
        self.heard += 1 if self.count else len(samples)
        return [Shown(str(self.heard // 800))] if self.heard // 800 != before // 800 else []

    def finish(self) -> Hypothesis:
        return Hypothesis(str(self.heard))


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Any:
    def look(system: Any, *, stage: str = "enhancer", streams: bool = True) -> Examined:
        groups = {f"streaming_{stage}s": {"planted": None}} if streams else {}
        monkeypatch.setattr(causality, "available", lambda group: groups.get(group, {}))
        monkeypatch.setattr(causality, "build_part", lambda group, plugin: system)
        (found,) = examine(PipelineConfig(name="p", **{stage: {"name": "planted"}}), SPEECH)
        return found

    return look


@pytest.mark.parametrize(("before", "after", "states"), [(0, 0, 0), (56, 0, 0), (96, 56, 56),
                                                         (96, 56, 0), (400, 240, 240)])
def test_a_filter_looks_as_far_as_it_is_long(looked_at: Any, before: int, after: int, states: int
                                             ) -> None:
    """In 10 ms of its output, whatever delay it states."""
    found = looked_at(Filtered(before, after, states), streams=False)
    assert found.ahead == after / RATE and found.behind == before / RATE and not found.faults
    assert found.verdict == f"causal, looks ahead {1000 * after / RATE:.0f} ms"


def test_a_sound_stream_is_found_sound(looked_at: Any) -> None:
    found = looked_at(Filtered(96, 56))
    assert found.verdict == "causal, looks ahead 7 ms, the same for any cut"
    heard = looked_at(Hearing(), stage="recognizer")
    assert heard.ahead is None and heard.verdict == (
        "it gives no posteriors, which would tell how far it looks ahead, the same for any cut")


@pytest.mark.parametrize(("system", "stage", "said"), [
    (Cheating(0, 0), "enhancer", "given 100 ms at a time it is otherwise from 0.000 s on"),
    (Levelled(0, 0), "enhancer", "not causal: what it gives at"),
    (Uncertain(0, 0), "enhancer", "NotTheSame"),
    (Otherwise(40, 16), "enhancer", "streamed it is otherwise"),
    (Hearing(count=True), "recognizer", "'10' in place of '100' in the end"),
    (Hearing(keep=True), "recognizer", "than 10 ms at a time: "),
    (Hearing(whole="all"), "recognizer", "it hears '8000', of the whole 'all'")])
def test_a_liar_is_found(looked_at: Any, system: Any, stage: str, said: str) -> None:
    found = looked_at(system, stage=stage)
    assert found.faults and any(said in fault for fault in found.faults), found.faults


def test_what_leaks_from_another_stream_is_not_causal(looked_at: Any) -> None:
    """What is heard later shows in what came before, once the same utterance is heard again."""
    class Remembering(Hearing):
        loud = 0.0

        def push(self, samples: np.ndarray) -> list[Shown]:
            type(self).loud = max(self.loud, float(np.abs(samples).max()))
            return [Shown(f"{self.loud:.3f}")]

        def finish(self) -> Hypothesis:
            return Hypothesis(f"{self.loud:.3f}")

    found = looked_at(Remembering(), stage="recognizer")
    assert any("at a time it is otherwise" in fault or fault.startswith("not causal: noise from")
               for fault in found.faults)


def test_steps_of_outputs_are_found() -> None:
    assert step_of(lambda length: (length - 400) // 160 + 1, 4000) == 160
    assert step_of(lambda length: length // 960, 8000) == 960
    with pytest.raises(UtteranceError, match="TooShort"):
        step_of(lambda _length: 0, 100)
    random = iter(range(100))
    with pytest.raises(UtteranceError, match="NotTheSame"):
        Perturbed(lambda _: np.full((3, 1), next(random)), SPEECH.samples, 80)


# Systems that come with evalkit, through the command line

def test_the_command_says_what_is_causal(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.tile(SPEECH.samples, 2)[:9600], 16_000)
    (tmp_path / "m.jsonl").write_text('{"id": "u", "audio": "a.wav", "text": "a"}\n')
    (tmp_path / "e.yaml").write_text(
        "corpus: m.jsonl\nmetrics: [wer]\npipelines:\n  - {name: a, enhancer: rnnoise}\n"
        "  - {name: b, enhancer: percepnet}\n"
        "  - {name: words, recognizer: reference}\n  - {name: ends, endpointer: energy}\n"
        "  - {name: nothing, recognizer: {name: precomputed, path: m.jsonl, text_key: text}}\n")
    done = evalkit("causality", "e.yaml", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "a: rnnoise: causal, looks ahead 20 ms, the same for any cut" in done.stdout
    # the last millisecond of its window weighs next to nothing
    assert re.search("b: percepnet: causal, looks ahead (29|30) ms, the same for", done.stdout)
    assert "words: reference: not causal: what it gives at 0." in done.stdout
    assert "ends: energy: " in done.stdout and "nothing: precomputed: hears no audio" in done.stdout
    one = evalkit("causality", "e.yaml", "--pipeline", "ends", "--audio", "a.wav", cwd=tmp_path)
    assert one.returncode == 0 and "words" not in one.stdout
    for words, said in ((("--pipeline", "end"), "did you mean 'ends'?"),
                        (("--audio", "b.wav"), "b.wav")):
        bad = evalkit("causality", "e.yaml", *words, cwd=tmp_path)
        assert bad.returncode == 2 and said in bad.stderr.strip().split("\n")[-1]
