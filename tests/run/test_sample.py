"""A few utterances of every speaker."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError
from evalkit.core.types import Utterance
from evalkit.run.sample import drawn
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit

corpora = st.dictionaries(st.text(max_size=5), st.sampled_from("abc"), max_size=30).map(
    lambda speakers: tuple(Utterance(name, speaker=who) for name, who in speakers.items()))


@given(corpora, st.integers(1, 12), st.integers(0, 3), st.randoms(use_true_random=False))
def test_of_every_speaker_so_many_and_the_same_in_any_order(
        utterances: tuple[Utterance, ...], n: int, seed: int, chance: random.Random) -> None:
    kept, left_out = drawn(utterances, n, seed, "here")
    of_speaker = Counter(u.speaker for u in kept)
    assert of_speaker == {who: min(n, have) for who, have in
                          Counter(u.speaker for u in utterances).items()}
    assert list(kept) == [u for u in utterances if u in kept]
    assert sum(item.n for item in left_out) == len(utterances) - len(kept)
    names = {u.id for u in kept}
    assert _drawn(chance.sample(utterances, len(utterances)), n, seed) == names
    assert names <= _drawn(utterances, n + 1, seed)
    assert names - {u.id for u in utterances[:1]} <= _drawn(utterances[1:], n, seed)


def _drawn(utterances: Sequence[Utterance], n: int, seed: int) -> set[str]:
    return {u.id for u in drawn(utterances, n, seed, "")[0]}


def test_chance_draws_and_the_seed_is_what_it_draws_by() -> None:
    utterances = [Utterance(f"{who}{k}", speaker=who) for who in "abcdefgh" for k in range(50)]
    first, second = ([u.id for u in drawn(utterances, 5, seed, "")[0]] for seed in (0, 1))
    assert first != second
    assert 15 < sum(int(name[1:]) for name in first) / len(first) < 34


def test_without_a_speaker_there_is_no_sample() -> None:
    with pytest.raises(ConfigError, match="here: utterance 'u' has no speaker"):
        drawn([Utterance("u")], 1, 0, "here")


def test_a_run_of_a_sample_says_so_and_has_its_page(tiny_corpus: Path, tmp_path: Path) -> None:
    config = tmp_path / "eval.yaml"
    config.write_text(f"corpus: {tiny_corpus}\nper_speaker: 1\nmetrics: [stoi]\n"
                      "conditions: [{name: hum, noise: stationary, snr_db: 5}]\n"
                      "pipelines: [{name: noisy}]\n")
    done = evalkit("run", config, "--out", tmp_path / "run", "--report", tmp_path / "page",
                   "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert "left out: not drawn: per_speaker is 1" in done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "page" / "index.html")
    utterances = RunFolder(tmp_path / "run").utterances()
    assert utterances["speaker_id"].is_unique and len(utterances) > 1
    assert "not drawn: per_speaker is 1" in (tmp_path / "page" / "index.html").read_text()
