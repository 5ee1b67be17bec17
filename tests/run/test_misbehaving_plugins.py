"""What a plug-in does costs its utterance, never the run, never the others' numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.hostile import misbehaviour as ways
from benchmarks.hostile import plugins
from benchmarks.hostile.plugins import Case
from evalkit.core.endings import failure_of, is_interruption
from evalkit.core.errors import Stopped, UtteranceError
from evalkit.core.types import Audio, Fact, Hypothesis, Measurement, Utterance
from evalkit.run.exchange import (
    handed,
    taken_embedding,
    taken_enhanced,
    taken_hypothesis,
    taken_measurements,
)
from evalkit.run.guard import guarded
from evalkit.run.process_state import restored_after_call, restored_after_shard
from evalkit.run.vectors import of_one_length, told
from evalkit.store.runfolder import EMBEDDINGS, OUTPUTS
from tests.conftest import evalkit

EVERY = 9
"""One of so many of the misbehaviours of `benchmarks/faults.py` is tried here."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A corpus, and the plug-ins, which this process finds too."""
    folder = tmp_path_factory.mktemp("hostile")
    plugins.prepare(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder


def here(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return evalkit(*words, cwd=folder)


def some(cases: Sequence[Case]) -> list[Case]:
    return [case for i, case in enumerate(cases) if i % EVERY == 0]


def test_plugins_cost_their_utterance(folder: Path) -> None:
    tried = [case for case in plugins.cases() if case.part != "condition" and not case.program]
    streams = [Case("recognizer", how) for how in ("closes descriptors", "closes streams")]
    assert list(plugins.attempt([*streams, *some(tried)], folder, "plugins", workers=0)) == []


@pytest.mark.parametrize(("part", "ways"), [
    ("recognizer", "sys.exit(0)|sys.exit()|KeyboardInterrupt|GeneratorExit|CancelledError"),
    ("metric", "sys.exit(0)|sys.exit('no model')|own BaseException|list|None|shows nothing"),
    ("recognizer", "text None|bytes|int|surrogate|NUL|words|shows nothing"),
    ("encoder", "sys.exit(0)|list|shorter|complex|matrix|texts|shows nothing"),
    ("recognizer", "dict|Shy|Hypothesis|a subclass of str|hostile message|odd kind|kind is None"),
    ("stream", "None|Shy|NaN|column|Audio|a sample more|a sample fewer|writes into its input"),
    ("metric", "Shy|complex|10**400|array|no name|weight None|group|odd kind")])
def test_what_was_seen_to_end_runs_costs_its_utterance(folder: Path, part: str, ways: str) -> None:
    """As it was reported, and neighbours."""
    tried = [Case(part, how) for how in ways.split("|")]
    assert list(plugins.attempt(tried, folder, f"seen {part} {len(tried)}", 0, here)) == []


def test_conditions_cost_their_utterance(folder: Path) -> None:
    tried = [case for case in plugins.cases() if case.part == "condition"]
    assert list(plugins.attempt(some(tried), folder, "conditions", 0, here)) == []


def test_programs_cost_their_utterance(folder: Path) -> None:
    tried = [Case("recognizer", how, program=True) for how in ("starts a session", "NUL")]
    assert list(plugins.attempt(tried, folder, "programs", 0, here)) == []


def test_plugins_that_cannot_be_made_are_one_line(folder: Path) -> None:
    assert list(plugins.unmade(folder, here)) == []


def test_what_is_tried_can_fail(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Had plug-ins been given the arrays of the run itself, others' numbers would differ."""
    for module in ("batches", "measure", "stages"):
        monkeypatch.setattr(f"evalkit.run.{module}.handed", lambda audio: audio)
    tried = [Case("enhancer", "writes into its input"), Case("metric", "writes memory")]
    lines = list(plugins.attempt(tried, folder, "open", 0, here))
    assert {line.split(": ", 2)[1] for line in lines} == {"writes into its input", "writes memory"}


@pytest.mark.parametrize("write", [
    lambda x: x.__setitem__(0, 1), lambda x: x.sort(), lambda x: np.multiply(x, 2, out=x),
    lambda x: x.setflags(write=True), lambda x: x.view().setflags(write=True),
    lambda x: x.base.setflags(write=True) if isinstance(x.base, np.ndarray) else x.fill(0),
    lambda x: memoryview(x).__setitem__(0, 1.0), lambda x: np.copyto(x, 0),
    lambda x: x.data.__setitem__(0, 1.0), lambda x: x.resize(3)])
def test_what_is_handed_out_cannot_be_written_into(write: Callable[[np.ndarray], object]) -> None:
    own = Audio(np.arange(4, dtype=np.float32), 16_000)
    samples = handed(own).samples
    with pytest.raises((ValueError, TypeError)):
        write(samples)
    assert samples.tolist() == own.samples.tolist() == [0, 1, 2, 3]
    assert not np.shares_memory(samples, own.samples) and own.samples.flags.writeable


def test_writing_says_what_to_do() -> None:
    def write() -> None:
        handed(Audio(np.ones(4, np.float32), 16_000)).samples[0] = 1

    with pytest.raises(UtteranceError, match="copy it first"):
        guarded(write)


def test_torch_takes_what_is_handed_out_without_a_word(recwarn: pytest.WarningsRecorder) -> None:
    torch = pytest.importorskip("torch")
    from evalkit.models.tensors import padded

    waves, _ = padded([handed(Audio(np.ones(4, np.float32), 16_000)).samples], torch.device("cpu"))
    waves.mul_(0)
    assert not recwarn.list


HEARD = Audio(np.ones(1600, np.float32), 16_000)


@given(st.integers(1, 12_000), st.floats(0, 0.2))
def test_an_output_is_taken_by_its_length(length: int, delay: float) -> None:
    made = Audio(np.ones(length, np.float64), 16_000)
    if 800 <= length <= 3200 + round(32_000 * delay) + 16_000 - 2:
        taken = taken_enhanced(made, HEARD, delay)
        assert taken.samples.dtype == np.float32 and len(taken.samples) == length
        assert not np.shares_memory(taken.samples, made.samples)
    elif length < 800:
        with pytest.raises(UtteranceError, match="WrongLength"):
            taken_enhanced(made, HEARD, delay)


def test_what_is_given_back_is_copied() -> None:
    samples = np.ones(1600, np.float32)
    taken = taken_enhanced(Audio(samples, 16_000), HEARD, 0.0)
    samples[:] = 7
    assert taken.samples.max() == 1


@given(st.text(st.characters(codec=None)))
def test_a_text_that_is_taken_can_be_written(text: str) -> None:
    try:
        taken = taken_hypothesis(Hypothesis(text))
    except UtteranceError as error:
        assert error.kind == "BadText" and str(error).isprintable()
        assert "\0" in text or any("\ud800" <= c <= "\udfff" for c in text)
    else:
        assert pa.array([taken.text], pa.string()).to_pylist() == [text]


@given(st.lists(st.floats(width=32), max_size=5))
def test_an_embedding_that_is_taken_has_a_direction(numbers: list[float]) -> None:
    try:
        taken = taken_embedding(np.array(numbers))
    except UtteranceError:
        assert not np.isfinite(numbers).all() or not np.any(numbers)
    else:
        assert np.linalg.norm(taken.astype(float)) > 0


class Measure:
    """A metric of one name, and of one that follows from it."""

    name = "m"
    facts = {"m": Fact("", True, "")}  # noqa: RUF012


@given(st.one_of(st.floats(), st.integers(), st.booleans(), st.none(), st.text(max_size=3),
                 st.fractions(), st.decimals(), st.complex_numbers(),
                 st.floats(width=32).map(np.float32), st.integers(0, 9).map(np.int64)),
       st.floats())
def test_what_is_taken_as_measured_is_finite(amount: object, weight: float) -> None:
    try:
        taken = taken_measurements({"m": Measurement(amount, weight)}, Measure)["m"]
    except UtteranceError as error:
        assert str(error).isprintable()
    else:
        assert abs(taken.amount) <= 1e30 and 0 <= taken.weight <= 1e30
        assert type(taken.amount) is type(taken.weight) is float
        assert not isinstance(amount, bool) and taken.amount == float(amount)


@pytest.mark.parametrize(("made", "kind"), [
    (Measurement(np.nan), "NotFinite"), (Measurement(1.0, np.inf), "NotFinite"),
    (Measurement(1.0, -1.0), "WrongWeight"), (Measurement(-1.1e30), "TooLarge"),
    (Measurement(True), "WrongType"), (Measurement("1"), "WrongType"), ((1.0, 1.0), "WrongType")])
def test_one_wrong_measurement_among_good_ones_is_seen(made: object, kind: str) -> None:
    class Several:
        name = "m"
        facts = dict.fromkeys("abc", Fact("", True, ""))

    good = {"a": Measurement(1.0), "c": Measurement(-2.5, 4.0)}
    assert taken_measurements(good, Several) == good
    with pytest.raises(UtteranceError, match=kind):
        taken_measurements(good | {"b": made}, Several)


@given(st.text(), st.sampled_from([ValueError, KeyError, SystemExit, MemoryError, ways.Own]))
def test_a_reason_is_one_printable_line(message: str, kind: type[BaseException]) -> None:
    told = str(failure_of(kind(message)))
    assert told.startswith(f"{kind.__name__}: ") and told.isprintable() and len(told) < 400


def test_only_a_plugins_own_interruption_is_its_failure() -> None:
    def interrupt() -> None:
        raise Stopped

    assert is_interruption(Stopped())
    with pytest.raises(Stopped):
        guarded(interrupt)


def test_what_is_changed_outside_is_put_back(tmp_path: Path) -> None:
    """All of it at once, and twice: the second call finds what the first one found."""
    def state() -> tuple[object, ...]:
        return (Path.cwd(), np.geterr(), sys.stdout, sys.getrecursionlimit(), os.fstat(1).st_ino,
                list(dict.fromkeys(sys.path)), np.random.get_state()[1].tolist())

    with restored_after_shard():
        before = state()
    drawn = []
    with restored_after_shard():
        for _ in range(2):
            with restored_after_call():
                drawn.append(np.random.random())
                os.chdir(tmp_path)
                for change in ways.HARMLESS.values():
                    if change is not ways.close_streams:
                        change(None)
    assert state() == before and drawn[0] == drawn[1]


def test_an_embedding_of_another_length_is_a_failure() -> None:
    cells = [("p", f"u{i}") for i in range(4)] + [("q", "u0"), ("q", "u1")]
    lengths = [3, 4, 3, 2, 5, 7]  # of two lengths that are as frequent the first is the usual one
    rows = [{"pipeline": p, "condition": "c", "utterance_id": u} for p, u in cells]
    outputs = pa.Table.from_pylist([row | {"error": "Old: one" if i == 3 else None}
                                    for i, row in enumerate(rows)], OUTPUTS)
    embeddings = pa.Table.from_pylist([row | {"embedding": [1.0] * n}
                                       for row, n in zip(rows, lengths, strict=True)], EMBEDDINGS)
    kept, errors = of_one_length(embeddings)
    failed = told(outputs, errors)
    assert [len(row["embedding"]) for row in kept.to_pylist()] == [3, 3, 5]
    assert [row["error"] for row in failed.to_pylist()] == [
        None, "WrongLength: its embedding has 4 numbers where the others of the run have 3", None,
        "Old: one", None,
        "WrongLength: its embedding has 7 numbers where the others of the run have 5"]
    assert failed.schema == OUTPUTS and kept.schema == EMBEDDINGS
    assert of_one_length(kept) == (kept, {})


def test_metadata_of_an_utterance_is_not_shared() -> None:
    from evalkit.run.exchange import handed_utterance

    own = Utterance("u", metadata={"accent": "north"})
    handed_utterance(own).metadata["accent"] = "south"
    assert own.metadata == {"accent": "north"}
