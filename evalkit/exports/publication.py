"""What of a run's findings may be said to everybody: nothing of a few people alone, and no names.

**Small cells.** A group of fewer people than a floor is left out wherever it stands. Where the
groups of a column that are left out are one alone, or have together fewer people than the floor,
the next smallest is left out too, until neither holds: the values of everybody and of the groups
that are shown must not give away those that are not (complementary suppression; Hundepool and
others 2012, Statistical Disclosure Control). They are counted, and not named. Crossed columns,
whose sums over either column may be shown too, are left out as a whole where one group of them is.
So does a group's gap to all others, which is left out where one of these is. What groups of
several columns give away together is ``subtraction.py``'s.

**Names.** Ids of speakers, and of what can be traced to one, become HMAC-SHA256 digests (RFC 2104)
under a secret of the user's own: without it nobody can try ids out.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.core.errors import ConfigError, one_line
from evalkit.core.files import regular, write
from evalkit.core.ledger import Kind, LeftOut
from evalkit.exports.cells import NAN, Cell
from evalkit.exports.evidence import Evidence
from evalkit.exports.subtraction import not_apart
from evalkit.store.documents.findings import Finding, Findings, Verdict

FLOOR = 10
"""People of whom a value may be published: the threshold that research data centres usually set
(Griffiths and others 2019, Handbook on Statistical Disclosure Control for Outputs)."""
WITHHELD = ("For publication: values of fewer than {floor} speakers, and of groups from which "
            "those could be worked out by sums and differences of what is shown here, are left "
            "out; names of speakers and of what they said are salted digests. What other files "
            "say of the same speakers, and what a reader knows beforehand, is not accounted for.")
SHORTEST = 16
"""Bytes of a secret that cannot be guessed."""
DIGITS = 12
"""Of a digest that are shown, hexadecimal: two of a million ids are alike in 1 of 560 cases."""
OF_PEOPLE: frozenset[Kind] = frozenset({
    "speaker", "utterance", "recording", "hypothesis", "row", "cell", "trial", "word times",
    "postal code"})
"""Kinds whose names are ids of speakers, or lead to what one said."""
OF_GROUPS: frozenset[Kind] = frozenset({"group", "label", "cohort"})
"""Kinds whose names are those of groups."""
_WORD = re.compile(r"[^\s'\"`(),:;/|]+")


@dataclass(frozen=True)
class Publication:
    """``floor`` is the number of people below which nothing is said, ``salt`` the secret."""

    salt: bytes
    floor: int = FLOOR

    def digest(self, name: str) -> str:
        """What stands for an id."""
        return hmac.digest(self.salt, name.encode(errors="backslashreplace"), "sha256").hex()[
            :DIGITS]


def to_publish(salt: Path | None, floor: int | None = None) -> Publication:
    """With the secret in the file ``salt``. Raises ConfigError where no file is named."""
    if salt is None:
        raise ConfigError("--publish: add --salt FILE, a file with a secret; it is made where "
                          "there is none")
    return Publication(read_salt(salt), FLOOR if floor is None else floor)


def read_salt(path: Path) -> bytes:
    """The secret in a file, which is made where there is none. Raises ConfigError for one that is
    too short to be a secret, or cannot be read."""
    if not path.exists():
        write(path, secrets.token_hex(32) + "\n")
        path.chmod(0o600)
    try:
        salt = regular(path).read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"--salt {path}: cannot be read ({one_line(error)})") from error
    if len(salt) < SHORTEST:
        raise ConfigError(f"--salt {path}: fewer than {SHORTEST} characters, which can be guessed; "
                          "give a file that does not exist, and one is made")
    return salt


def published(evidence: Evidence, publication: Publication) -> Evidence:
    """``evidence`` without what rests on too few people, and without names of people. Raises
    ConfigError where that leaves nothing."""
    floor = publication.floor
    overall = [cell for cell in evidence.overall if cell.people >= floor]
    if not overall:
        raise ConfigError(f"--publish: nothing was measured of {floor} speakers or more; nothing "
                          "can be published of so few")
    small = not_apart(evidence.labels, {
        by: too_small([c for c in evidence.groups if c.by == by], floor)
        for by in evidence.columns}, floor)
    groups = list(_large_groups(evidence.groups, small))
    shown = {cell.group for cell in groups}
    findings = evidence.findings and _large_enough(evidence.findings, floor)
    safe = replace(evidence, overall=overall, groups=groups, findings=findings, ids=frozenset(),
                   labels=evidence.labels.iloc[:0],
                   withheld=WITHHELD.format(floor=floor))
    unnamed = [_unnamed(item, publication, evidence.ids, shown) for item in evidence.left_out]
    return replace(safe, left_out=[*unnamed, *_gone(evidence, safe, small, floor)])


def _large_groups(cells: Sequence[Cell], small: Mapping[str, Sequence[str]]) -> Iterator[Cell]:
    """Those that are not ``small``; without their gap to all others together where a group of
    their column is, since that says what those are who are not shown."""
    for cell in cells:
        if cell.group not in small[cell.by]:
            yield replace(cell, gap=NAN, gap_low=NAN, gap_high=NAN) if small[cell.by] else cell


def _gone(evidence: Evidence, safe: Evidence, small: Mapping[str, Sequence[str]], floor: int
          ) -> Iterator[LeftOut]:
    """What of ``evidence`` is not in what is ``safe`` to publish, counted and not named."""
    few = f"fewer than {floor} people"
    yield from (LeftOut("group", f"groups by {by}",
                        f"{few}, or the next smallest, from which those could be worked out; gaps "
                        "of the others to all other speakers would give them away, and are not "
                        "said", len(names)) for by, names in small.items() if names)
    counts: dict[Kind, int] = {
        "metric": len(evidence.overall) - len(safe.overall),
        "cohort": _verdicts(evidence.findings) - _verdicts(safe.findings)}
    yield from (LeftOut(kind, "publication", few, n) for kind, n in counts.items() if n)


def _verdicts(findings: Findings | None) -> int:
    return sum(len(finding.verdicts) for finding in findings.finders) if findings else 0


def too_small(cells: Sequence[Cell], floor: int) -> list[str]:
    """The groups of one column that are left out, the smallest first."""
    people: dict[str, int] = {}
    for cell in cells:
        people[cell.group] = min(cell.people, people.get(cell.group, cell.people))
    order = sorted(people, key=lambda group: (people[group], group))
    few = too_few([people[group] for group in order], floor)
    return order if few and "," in cells[0].by else order[:few]


def too_few(people: Sequence[int], floor: int) -> int:
    """How many groups of so many people, the smallest first, are left out: those of fewer than
    ``floor``, and the next smallest where it takes them that those are not one alone and have as
    many together."""
    few = sum(n < floor for n in people)
    while 0 < few < len(people) and (few == 1 or sum(people[:few]) < floor):
        few += 1
    return few


def _unnamed(item: LeftOut, publication: Publication, ids: Collection[str],
             shown: Collection[str]) -> LeftOut:
    """Without names of people, in its reason too, and without those of groups that are not
    ``shown``."""
    if item.what in OF_GROUPS:
        return replace(item, names=tuple(name for name in item.names if name in shown))
    if item.what not in OF_PEOPLE:
        return item
    return replace(item, names=tuple(map(publication.digest, item.names)),
                   why=_WORD.sub(lambda match: _hidden(match[0], publication, ids), item.why))


def _hidden(word: str, publication: Publication, ids: Collection[str]) -> str:
    """``word``, or its digest where it is an id, or a file of that name."""
    stem = word.rpartition(".")[0] or word
    return publication.digest(stem if stem in ids else word) if word in ids or stem in ids else word


def _large_enough(findings: Findings, floor: int) -> Findings:
    """Without cohorts of too few people on either half."""
    def kept(finding: Finding) -> list[Verdict]:
        large = {cohort.name for cohort in finding.cohorts
                 if min(cohort.discovery.n_speakers, cohort.confirmation.n_speakers) >= floor}
        return [found for found in finding.verdicts if found.cohort in large]

    return findings.model_copy(update={"finders": [
        finding.model_copy(update={"verdicts": kept(finding)}) for finding in findings.finders]})
