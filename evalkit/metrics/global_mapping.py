"""NIST's global mapping files (GLM): rules that rewrite texts before they are compared.

    ;; comment
    * CASE_SENSITIVE = 'F'
    UH       => (%HESITATION)              / [ ] __ [ ]
    CANNOT   => CAN NOT
    [HE'S]   => [{HE IS / HE HAS}]         / [ ] __ [ ]
    ;; INPUT_DEPENDENT_APPLICATION = "hyp"

``A => B / C __ D`` makes B of A where C stands before it and D behind it, letter by letter, from
the beginning of the text on; of several rules that fit the first is taken (SCTK's GLMRules.txt).
As in NIST's own files, a bracket may be left open, and slashes within braces need no spaces.
Behind a line INPUT_DEPENDENT_APPLICATION, rules are for references ("ref") or for hypotheses
("hyp").
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.files import regular
from evalkit.core.names import instead
from evalkit.metrics.readings import parsed

Side = Literal["ref", "hyp"]
EXAMPLE = "[GONNA] => [GOING TO] / [ ] __ [ ]"
_COMMENT = ";;"
_HEADER = re.compile(r"\*\s*(\w+)\s*[=:]?\s*['\"]([^'\"]*)['\"]\s*")
_DEPENDENT = re.compile(_COMMENT + r"\s*INPUT_DEPENDENT_APPLICATION\s*=\s*\"([^\"]*)\"")
_NO = {"f", "no", "false"}
SIDES: tuple[Side, ...] = ("hyp", "ref")
_SIDE_OF: dict[str, Side] = {"ref": "ref", "stm": "ref", "hyp": "hyp", "ctm": "hyp"}


class Rule(NamedTuple):
    """Makes ``new`` of ``old`` between ``before`` and ``after``."""

    old: str
    new: str
    before: str
    after: str


@dataclass(frozen=True)
class GlobalMapping:
    """Rules for each side by the letter that they begin with, in the file's order; ``digest`` is of
    the file."""

    digest: str
    cased: bool
    rules: dict[Side, dict[str, list[Rule]]]

    def __call__(self, text: str, side: Side) -> str:
        """``text`` with one space between words and at both ends, rewritten."""
        text = f" {' '.join(text.split())} "
        seen, rules = text if self.cased else _lower(text), self.rules[side]
        parts, at = [], 0
        while at < len(text):
            kept = Rule(text[at], text[at], "", "")
            rule = next((rule for rule in rules.get(seen[at], ()) if _fits(rule, seen, at)), kept)
            parts.append(rule.new)
            at += len(rule.old)
        return "".join(parts)


def _fits(rule: Rule, text: str, at: int) -> bool:
    return (text.startswith(rule.old, at) and text.startswith(rule.after, at + len(rule.old))
            and len(rule.before) <= at and text.startswith(rule.before, at - len(rule.before)))


def _lower(text: str) -> str:
    """In small letters, each for one."""
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


@lru_cache(maxsize=8)
def read_mapping(path: Path) -> GlobalMapping:
    """Reads the file ``path``. Raises ConfigError naming the file and the line that is no rule."""
    content, lines = _lines(path)
    header = {found[1].lower(): found[2].lower() for found in map(_HEADER.match, lines) if found}
    if header.get("copy_no_hit") in _NO:
        raise ConfigError(f"{path}: COPY_NO_HIT = {header['copy_no_hit']!r} would leave out every "
                          "word without a rule; say 'T'")
    cased = header.get("case_sensitive", "f") not in _NO
    rules: dict[Side, dict[str, list[Rule]]] = {"ref": {}, "hyp": {}}
    for side, rule in _rules(path, lines):
        seen = rule if cased else Rule(_lower(rule.old), rule.new, *map(_lower, rule[2:]))
        rules[side].setdefault(seen.old[0], []).append(seen)
    if not any(rules.values()):
        raise ConfigError(f"{path}: holds no rule of a global mapping file, such as {EXAMPLE}")
    return GlobalMapping(hashlib.sha256(content).hexdigest(), cased, rules)


def _lines(path: Path) -> tuple[bytes, list[str]]:
    """What the file holds, and its lines."""
    try:
        content = regular(path).read_bytes()
        return content, content.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the global mapping file: {error.strerror}"
                          f"{instead(path)}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is no text in UTF-8; save the global mapping file as UTF-8"
                          ) from error


def _rules(path: Path, lines: list[str]) -> Iterator[tuple[Side, Rule]]:
    sides = SIDES
    for number, line in enumerate(lines, 1):
        if found := _DEPENDENT.match(line):
            sides = _sides(path, number, found[1])
        rule = line.partition(_COMMENT)[0].strip()
        if rule and not rule.startswith("*"):
            yield from ((side, _rule(path, number, rule)) for side in sides)


def _sides(path: Path, number: int, form: str) -> tuple[Side, ...]:
    """A CTM was a hypothesis, an STM a reference, when files said these."""
    given = {word.strip(" ^$.*()") for word in form.lower().split("|")}
    found = {_SIDE_OF[word] for word in given & _SIDE_OF.keys()}
    sides = tuple(sorted(found)) if "" not in given else SIDES
    if not sides:
        raise ConfigError(f"{path}:{number}: rules for {form!r}; write ref or hyp")
    return sides


def _rule(path: Path, number: int, text: str) -> Rule:
    """A => B, or A => B / C __ D."""
    old, arrow, rest = text.partition("=>")
    new, before, after = rest, "", ""
    if "__" in rest:
        rest, _, after = rest.rpartition("__")
        new, _, before = rest.rpartition("/")
    rule = Rule(*(_bare(part) for part in (old, new, before, after)))
    if not arrow or not rule.old.strip():
        raise ConfigError(f"{path}:{number}: no rule of a global mapping file, such as {EXAMPLE}")
    if "{" in rule.new:
        rule = rule._replace(new=rule.new.replace("/", " / "))
    try:
        parsed(rule.new)
    except UtteranceError as error:
        raise ConfigError(f"{path}:{number}: makes {error.reason}") from error
    return rule


def _bare(text: str) -> str:
    """What stands in brackets or quotes, spaces at its ends included; or the text."""
    text = text.strip()
    if len(text) > 1 and (text[0], text[-1]) in {("[", "]"), ("'", "'")}:
        return text[1:-1]
    return text if "]" in text else text.removeprefix("[")
