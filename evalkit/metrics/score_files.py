"""Scores of speaker verification that another tool gave, one trial a line."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from evalkit.core.errors import ManifestError
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.text import count
from evalkit.metrics.verification import LABELS, numbered_fields

ANY_LABEL = {label: same for labels in LABELS.values() for label, same in labels.items()}
_Test = Callable[[str], bool]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_id(text: str) -> bool:
    return not _is_number(text)


def _is_word(text: str) -> bool:
    return text in LABELS["Kaldi"]


def _is_digit(text: str) -> bool:
    return text in LABELS["VoxCeleb"]


def _is_anything(_text: str) -> bool:
    return True


FORMS: Mapping[str, Mapping[str, _Test]] = {
    "wespeaker": {"enroll": _is_anything, "test": _is_anything, "score": _is_number,
                  "label": _is_word},
    "enrol test label score": {"enroll": _is_anything, "test": _is_anything, "label": _is_word,
                               "score": _is_number},
    "SpeechBrain": {"enroll": _is_anything, "test": _is_id, "label": _is_digit,
                    "score": _is_number},
    "enrol test score label": {"enroll": _is_anything, "test": _is_id, "score": _is_number,
                               "label": _is_digit},
    "VoxCeleb list with scores": {"label": _is_digit, "enroll": _is_id, "test": _is_anything,
                                  "score": _is_number},
    "Kaldi": {"enroll": _is_anything, "test": _is_anything, "score": _is_number},
    "VoxSRC": {"score": _is_number, "enroll": _is_anything, "test": _is_anything}}
"""What stands in the fields of a line, in the order of trying."""
Line = tuple[int, list[str]]
"""Its number, and its fields."""


@dataclass(frozen=True)
class ScoreFile:
    """``table`` has columns ``enroll_id``, ``test_id``, ``score``, NaN where it is no finite
    number, and where the file has labels ``label``, by the number of the line; ``form`` is of
    FORMS."""

    table: pd.DataFrame
    form: str
    left_out: tuple[LeftOut, ...]

    def notes(self, name: str) -> list[str]:
        """What is to be said of the file, in lines."""
        odd = self.table[self.table["score"].isna()]
        return [f"note: {name}: {count(len(odd), 'score is', 'scores are')} not finite, so that "
                f"a trial fails: {', '.join(_names(odd))}"] if len(odd) else []

    @property
    def has_labels(self) -> bool:
        return "label" in self.table


def read_score_file(path: Path) -> ScoreFile:
    """Reads the file ``path``; lines of another form than most are left out. Raises ManifestError
    for one of no known form, and where half of the lines or more are of another."""
    lines = numbered_fields(path)
    if not lines:
        raise ManifestError(f"{path}: no scores in it")
    form, kept = _form(path, lines)
    names = [*FORMS[form]]
    table = pd.DataFrame([fields for _, fields in kept], columns=names,
                         index=[number for number, _ in kept])
    scores = table["score"].astype(float)
    found = pd.DataFrame({"enroll_id": table["enroll"], "test_id": table["test"],
                          "score": scores.where(scores.map(math.isfinite))})
    if "label" in table:
        found["label"] = table["label"].map(ANY_LABEL).astype(bool)
    both, again = _of_both_labels(found), found.duplicated(["enroll_id", "test_id"])
    twice = [LeftOut("trial", path.name, why, int(rows.sum()), tuple(_names(found[rows])))
             for rows, why in (
                 (both, "one pair with both labels, in one order or two"),
                 (again & ~both, "the same pair again, of which the first score counts"))
             if rows.any()]
    return ScoreFile(found[~(again | both)], form,
                     (*_malformed(path.name, form, lines, kept), *twice))


def _of_both_labels(trials: pd.DataFrame) -> pd.Series:
    """Which trials are of a pair that is one speaker in one line and two in another."""
    if "label" not in trials:
        return pd.Series(data=False, index=trials.index)
    ids = trials[["enroll_id", "test_id"]]
    return trials.groupby([ids.min(axis=1), ids.max(axis=1)])["label"].transform("nunique") > 1


def _form(path: Path, lines: Sequence[Line]) -> tuple[str, list[Line]]:
    """The first form that all lines have, or else the one that most have; and those that have it.
    Raises ManifestError where half of them have not."""
    fitting = [*FORMS]
    for _, fields in lines:
        remaining = [form for form in fitting if _fits(form, fields)]
        if not remaining:
            return _most_frequent(path, lines)
        fitting = remaining
    return fitting[0], [*lines]


def _most_frequent(path: Path, lines: Sequence[Line]) -> tuple[str, list[Line]]:
    """As ``_form``, of lines that have not all one form."""
    times = {form: sum(_fits(form, fields) for _, fields in lines) for form in FORMS}
    form = max(times, key=times.__getitem__)
    if not times[form]:
        raise ManifestError(f"{path}:{lines[0][0]}: expected `enrol test score`, with `target` or "
                            "`nontarget`, or 1 or 0, before or behind the score where labels are "
                            "there, or `score enrol test`")
    if 2 * times[form] <= len(lines):
        number, strange = next(line for line in lines if not _fits(form, line[1]))
        raise ManifestError(f"{path}:{number}: is no score in the {form} form of the other lines, "
                            f"which are no more than half: {' '.join(strange)[:100]!r}")
    return form, [line for line in lines if _fits(form, line[1])]


def _malformed(where: str, form: str, lines: Sequence[Line], kept: Sequence[Line]
               ) -> list[LeftOut]:
    """The lines that are no scores."""
    lost = sorted({number for number, _ in lines} - {number for number, _ in kept})
    return [LeftOut("row", where, f"no score in the {form} form of the other lines", len(lost),
                    tuple(f"line {number}" for number in lost[:NAMED]))] if lost else []


def _fits(form: str, fields: Sequence[str]) -> bool:
    tests = FORMS[form].values()
    return len(fields) == len(tests) and all(
        test(field) for test, field in zip(tests, fields, strict=True))


def _names(trials: pd.DataFrame) -> list[str]:
    """The first pairs."""
    some = trials.head(NAMED)
    return list(some["enroll_id"] + " and " + some["test_id"])


def matched(name: str, scores: ScoreFile, trials: pd.DataFrame) -> tuple[pd.Series, list[LeftOut]]:
    """The score of each of ``trials`` in the file of the system ``name``, NaN where it has none,
    and its scores of other pairs."""
    keys = ["enroll_id", "test_id"]
    both = trials[keys].merge(scores.table[[*keys, "score"]], on=keys, how="left")
    known = pd.MultiIndex.from_frame(trials[keys])
    others = scores.table[~pd.MultiIndex.from_frame(scores.table[keys]).isin(known)]
    left_out = [*scores.left_out]
    if len(others):
        left_out.append(LeftOut("trial", name, "has a score and is not in the list of trials",
                                len(others), tuple(_names(others))))
    return both["score"].set_axis(trials.index), left_out
