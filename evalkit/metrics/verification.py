"""Speaker-verification trials: which pairs of utterances are compared, and their scores."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from evalkit.core.errors import ManifestError
from evalkit.core.files import regular
from evalkit.core.names import instead

TrialForm = Literal["VoxCeleb", "Kaldi"]
LABELS = {"VoxCeleb": {"1": True, "0": False}, "Kaldi": {"target": True, "nontarget": False}}
BLOCK = 16384
"""Trials scored at a time."""


def make_trials(utterances: pd.DataFrame, *, most: int, seed: int) -> pd.DataFrame:
    """Trials of a corpus: columns ``enroll_id``, ``test_id`` and ``label`` (True where both are
    of one speaker), sorted, at most ``most`` of them; no utterance meets itself and no pair
    comes twice. ``utterances`` has columns ``id`` and ``speaker``; their order does not matter.

    All pairs, where they fit. Otherwise half of ``most`` are of the same speaker, as many of
    each speaker; the other half are of different speakers, who stand in a random ring: each
    meets the nearest neighbours, as many as the other half has room for, equally often. A
    speaker or a pair of speakers with fewer utterances gives what it has. Where there are more
    speakers than trials of a kind, some are drawn. Memory grows with ``most``, not with the
    number of pairs.

    Raises ManifestError where an utterance has no speaker.
    """
    table = utterances[["id", "speaker"]].sort_values("id", ignore_index=True)
    unknown = table.loc[table["speaker"].isna(), "id"]
    if len(unknown):
        raise ManifestError(f"utterance {unknown.iloc[0]!r} and {len(unknown) - 1} others have no "
                            "speaker, so no trials can be drawn; name speakers or a trial list")
    n = len(table)
    if n * (n - 1) // 2 <= most:
        first, second = np.triu_indices(n, 1)
    else:
        first, second = _draw(table["speaker"], most // 2, np.random.default_rng(seed))
    ids, speakers = table["id"].to_numpy(object), table["speaker"].to_numpy(object)
    trials = pd.DataFrame({"enroll_id": ids[first], "test_id": ids[second],
                           "label": (speakers[first] == speakers[second]).astype(bool)})
    return trials.sort_values(["enroll_id", "test_id"], ignore_index=True)


def _draw(speakers: pd.Series, half: int,
          rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers, the smaller first, of at most ``half`` pairs of each kind."""
    rows = list(speakers.groupby(speakers, sort=True).indices.values())
    ring = [rows[i] for i in rng.permutation(len(rows))]
    several = [members for members in ring if len(members) > 1][:half]
    drawn = [np.empty((0, 2), int)]
    drawn += [_pairs_within(members, half // len(several), rng) for members in several]
    neighbours = list(_neighbours(ring[:half], half))
    drawn += [_pairs_between(a, b, half // len(neighbours), rng) for a, b in neighbours]
    pairs = np.sort(np.concatenate(drawn), axis=1)
    return pairs[:, 0], pairs[:, 1]


def _neighbours(ring: list[np.ndarray], room: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """At most ``room`` pairs of members of the ring, each pair once and each member equally
    often: those at distance 1, then 2, and so on, whole distances only."""
    n = len(ring)
    if n * (n - 1) // 2 <= room:
        yield from combinations(ring, 2)
        return
    for distance in range(1, room // n + 1):
        yield from ((ring[i], ring[(i + distance) % n]) for i in range(n))


def _pairs_within(rows: np.ndarray, quota: int, rng: np.random.Generator) -> np.ndarray:
    """(k, 2) distinct unordered pairs of different rows, all of them where they are fewer."""
    n = len(rows)
    drawn = _sample(n * (n - 1) // 2, quota, rng)
    # Pairs i < j are numbered j (j - 1) / 2 + i.
    j = ((1 + np.sqrt(1 + 8 * drawn.astype(float))) // 2).astype(int)
    return np.stack([rows[drawn - j * (j - 1) // 2], rows[j]], axis=1)


def _pairs_between(a: np.ndarray, b: np.ndarray, quota: int,
                   rng: np.random.Generator) -> np.ndarray:
    drawn = _sample(len(a) * len(b), quota, rng)
    return np.stack([a[drawn // len(b)], b[drawn % len(b)]], axis=1)


def _sample(population: int, quota: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(population, min(quota, population), replace=False, shuffle=False)


def read_trial_list(path: Path | str) -> tuple[pd.DataFrame, TrialForm]:
    """Trials of a text file, one a line, as ``make_trials`` gives them but in the file's order,
    by the number of their line, and the form that its first line has: VoxCeleb
    (``1 enrol test``) or Kaldi (``enrol test target``).

    Raises ManifestError naming the file and the line."""
    lines = numbered_fields(Path(path))
    if not lines:
        raise ManifestError(f"{path}: no trials in it")
    form = _form_of(path, *lines[0])
    trials = [_parse(path, number, fields, form) for number, fields in lines]
    return pd.DataFrame(trials, columns=["enroll_id", "test_id", "label"],
                        index=[number for number, _ in lines]), form


def numbered_fields(path: Path) -> list[tuple[int, list[str]]]:
    """Numbered lines, split at whitespace; blank ones left out."""
    try:
        lines = regular(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ManifestError(f"{path}: cannot read the trial list: {error.strerror}"
                            f"{instead(Path(path))}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: the trial list is not UTF-8 text") from error
    return [(n, line.split()) for n, line in enumerate(lines, 1) if line.strip()]


def _form_of(path: Path | str, number: int, fields: list[str]) -> TrialForm:
    forms: dict[TrialForm, bool] = {"VoxCeleb": fields[0] in LABELS["VoxCeleb"],
                                    "Kaldi": fields[-1] in LABELS["Kaldi"]}
    fitting = [form for form, fits in forms.items() if fits and len(fields) == 3]
    if len(fitting) != 1:
        raise ManifestError(f"{path}:{number}: expected `1 enrol test` or `0 enrol test`, or "
                            "`enrol test target` or `enrol test nontarget`")
    return fitting[0]


def _parse(path: Path | str, number: int, fields: list[str],
           form: TrialForm) -> tuple[str, str, bool]:
    *ids, label = fields if form == "Kaldi" else [*fields[1:], fields[0]]
    if len(ids) != 2 or label not in LABELS[form]:
        raise ManifestError(f"{path}:{number}: not a trial in the {form} form of the lines before: "
                            f"{' '.join(fields)[:100]!r}")
    return ids[0], ids[1], LABELS[form][label]


def score_trials(trials: pd.DataFrame, embeddings: pd.DataFrame) -> pd.DataFrame:
    """``trials`` with a column ``score``, the cosine in [-1, 1] of the two utterances'
    embeddings. ``embeddings`` has columns ``utterance_id`` and ``embedding``, a sequence of
    numbers or None. The score is NaN where one is missing, zero or not finite: a failed trial.

    Raises ManifestError where embeddings are of different length."""
    known = embeddings.dropna(subset="embedding")
    vectors = _unit_vectors(known)
    index = pd.Index(known["utterance_id"])
    enroll, test = (index.get_indexer(trials[side]) for side in ("enroll_id", "test_id"))
    scores = np.full(len(trials), np.nan)
    scored = np.flatnonzero((enroll >= 0) & (test >= 0))
    for start in range(0, len(scored), BLOCK):
        block = scored[start:start + BLOCK]
        cosines = np.einsum("ij,ij->i", vectors[enroll[block]], vectors[test[block]])
        scores[block] = cosines.clip(-1, 1)
    return trials.assign(score=scores)


def _unit_vectors(known: pd.DataFrame) -> np.ndarray:
    """(n, dimension) rows of unit length in float64, NaN where the norm is 0 or not finite."""
    lengths = known["embedding"].map(len).to_numpy(int)
    odd = known["utterance_id"].to_numpy(object)[lengths != lengths[:1]]
    if len(odd):
        raise ManifestError(f"the embedding of {odd[0]!r} has not the {lengths[0]} numbers of "
                            "the others; embed all utterances with one model")
    vectors = np.array(known["embedding"].tolist(), float).reshape(-1, lengths.max(initial=1))
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    usable = np.isfinite(norms) & (norms > 0)
    return np.divide(vectors, norms, out=np.full_like(vectors, np.nan), where=usable)
