"""What a share of a run looks at before it begins, and what it says of the whole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from evalkit.core.config import read_config
from evalkit.core.types import Utterance
from evalkit.run import plan as planning
from evalkit.run.plan import Plan, make_plan
from evalkit.run.portions import Portion, record
from evalkit.run.prints import file_digests
from evalkit.run.utterances import read_corpus
from tests.run.test_merging import settings

pytestmark = pytest.mark.usefixtures("outside")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The utterances whose recordings are read to be told apart."""
    found: list[str] = []

    def noted(utterances: Iterable[Utterance]) -> dict[Path, str | None]:
        own = list(utterances)
        found.extend(u.id for u in own)
        return file_digests(own)

    monkeypatch.setattr(planning, "file_digests", noted)
    return found


def planned(corpus: Path, portion: Portion | None) -> Plan:
    config = read_config(settings(corpus))
    return make_plan(config, read_corpus(config).utterances, portion and portion.has)


def test_a_share_reads_its_own_recordings_and_has_the_keys_of_the_whole_run(
        tiny_corpus: Path, read: list[str]) -> None:
    whole = planned(tiny_corpus, None)
    of_all = set(read)
    read.clear()
    second = planned(tiny_corpus, Portion(2, 3))
    assert {u.id for shard in second.shards for u in shard.utterances} == set(read) < of_all
    for n in (1, 2, 3):
        portion = Portion(n, 3)
        share, part = planned(tiny_corpus, portion), portion.part(whole)
        assert [s.key for s in share.work] == [s.key for s in part.work]
        assert share.whole == len(whole.work)


def test_all_shares_say_the_same_of_their_run_and_another_run_says_something_else(
        tiny_corpus: Path) -> None:
    config = read_config(settings(tiny_corpus))

    def said(n: int) -> str:
        share = planned(tiny_corpus, Portion(n, 3))
        return record(Portion(n, 3), share, config, tiny_corpus.parent / f"run.{n}", command="run",
                      left_out=[]).plan

    first = said(1)
    assert first == said(2) == said(3)
    *lines, last = tiny_corpus.read_text().splitlines()
    tiny_corpus.write_text("\n".join([*lines, last.replace('"text": "', '"text": "not ')]))
    assert first != said(1) == said(2)
