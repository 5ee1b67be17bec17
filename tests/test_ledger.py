"""The ledger: records of what was left out are merged, bounded and printed in one way."""

from __future__ import annotations

import pandas as pd

from evalkit.core.ledger import OTHERWISE, REASONS, LeftOut, counted, lines, merged
from evalkit.core.trials import TrialsConfig
from evalkit.run.verification import choose_pairs


def test_records_of_one_reason_are_one() -> None:
    items = [LeftOut("row", "a.csv", "no id", names=(f"line {n}",)) for n in range(7)]
    other = LeftOut("hypothesis", "h.jsonl", "no such utterance", 2)
    assert merged([items[0], other, *items[1:]]) == [
        LeftOut("row", "a.csv", "no id", 7, tuple(f"line {n}" for n in range(5))), other]
    assert merged(merged(items)) == merged(items)


def test_a_reason_of_its_own_for_every_line_is_a_short_record_too() -> None:
    items = [LeftOut("row", "a.csv", f"'{n}' was used", names=(str(n),)) for n in range(1000)]
    found = merged(items)
    assert len(found) == REASONS + 1
    assert (found[-1].why, found[-1].n) == (OTHERWISE, 1000 - REASONS)
    assert sum(item.n for item in found) == 1000
    assert counted(found) == ["1,000 rows"]


def test_an_utterance_that_two_parts_leave_out_is_counted_once() -> None:
    lost = [LeftOut("utterance", "wer of a", "NoHypothesis", 59),
            LeftOut("utterance", "wer of a", "NoWords"),
            LeftOut("utterance", "a against b", "no score of one of the two", 59),
            LeftOut("trial", "eer of a", "NoEmbedding", 2), LeftOut("row", "m.jsonl", "no id", 2),
            LeftOut("row", "h.jsonl", "the same id again")]
    assert counted(lost) == ["up to 60 utterances", "2 trials", "3 rows"]


def test_lines_hide_nothing() -> None:
    item = LeftOut("hypothesis", "h.jsonl", "no such\nutterance", 1200, ("\x1b[31m\u202ea",))
    assert lines([item]) == [
        "h.jsonl: 1,200 hypotheses left out: no such utterance (\ufffd[31m\ufffda, …)"]


def test_utterances_without_a_speaker_are_in_no_trial() -> None:
    people = pd.DataFrame({"utterance_id": ["a", "b", "c", "d"],
                           "speaker_id": ["s", None, "s", "t"]})
    pairs = choose_pairs(people, TrialsConfig(), 0)
    assert pairs.left_out == (LeftOut("utterance", "trials", "no speaker", 1, ("b",)),)
    assert "b" not in {*pairs.table["enroll_id"], *pairs.table["test_id"]}
    assert choose_pairs(people.drop(1), TrialsConfig(), 0).left_out == ()
