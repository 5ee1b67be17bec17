"""Numbers and names as people read them: on a page, in a terminal, in Markdown.

Whatever comes from a run folder is untrusted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from evalkit.core.types import Fact

# Controls other than tab and newline, marks and overrides of text direction, half characters
# and code points that are no characters: invisible, or able to reorder what stands around them.
# Joiners (U+200C, U+200D) and variation selectors stay: scripts and emoji are written with them.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
                     "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
                     "\U000e0000-\U000e007f]")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#!|~&$])")
_MOST_DECIMALS = 6
UNKNOWN = "unknown"
"""The label of the group of those that have none."""
MISSING = frozenset({"", UNKNOWN, "n/a", "#n/a", "<na>", "nan", "nat", "null"})
"""What tables hold where nothing is known, in lower case. "None" and "NA" (Namibia) are labels."""
HINT = "hint: "
"""How a line for a person begins that is of use once the results are seen."""


def printable(value: object) -> str:
    """``value`` as text whose hidden characters are shown as U+FFFD."""
    return _HIDDEN.sub("\ufffd", str(value))


def short(value: object, length: int) -> str:
    """``printable(value)`` on one line, at most ``length`` characters."""
    text = " ".join(printable(value).split())
    return text if len(text) <= length else text[:length - 1] + "…"


def printed(value: object, length: int) -> str:
    """``short(value, length)`` as a line of a terminal that is no command to GitHub's runner:
    ``::error::`` at its beginning, or ``##[error]``."""
    text = short(value, length).replace("##[", "## [")
    return f":\u2009{text[1:]}" if text.startswith("::") else text


def in_markdown(value: object, length: int = 1000) -> str:
    """``short(value, length)`` as Markdown that shows it as it is and mentions nobody."""
    return _MARKDOWN.sub(r"\\\1", short(value, length)).replace("@", "@\u200b")


def number(value: float | None, fact: Fact, *, signed: bool = False) -> str:
    """``value`` in the fact's unit and decimals, with a minus sign that is one (U+2212), "–" where
    it is undefined; ``signed`` puts a plus before what is positive. What is rounded to zero has no
    sign."""
    if value is None or not math.isfinite(value):
        return "–"
    decimals = max(0, min(fact.decimals, _MOST_DECIMALS))
    shown = f"{fact.scale * value:{'+' if signed else ''}.{decimals}f}"
    return shown.replace("-", "−") if float(shown) else shown.lstrip("+-")


def with_unit(value: float, fact: Fact) -> str:
    """``number`` followed by the unit, for running text."""
    return f"{number(value, fact)}\u00a0{fact.unit}".strip()


def span(low: float, high: float, fact: Fact) -> str:
    """The bounds of an interval, such as "1.2 to 3.4"; "" where it has none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{number(low, fact)} to {number(high, fact)}"


def bracketed(low: float, high: float, fact: Fact) -> str:
    """The bounds of an interval as a column of a table, such as "[1.2, 3.4]"; "" where it has
    none."""
    return f"[{number(low, fact)}, {number(high, fact)}]" if span(low, high, fact) else ""


def heading(name: str, fact: Fact) -> str:
    """``name`` and the unit, for the head of a column."""
    return f"{name} {fact.unit}".strip()


def p_value(value: float) -> str:
    """A p-value to the four decimals that ten thousand draws give, "–" where it is undefined. One
    below 0.05 never reads as 0.05 itself."""
    if not math.isfinite(value):
        return "–"
    if 0.04995 <= value < 0.05:
        return "< 0.0500"
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def p_is(value: float) -> str:
    """A p-value in a sentence: "p = 0.0123", "p < 0.0001"."""
    shown = p_value(value)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def count(n: int, one: str, many: str = "") -> str:
    """``n`` with its noun: "1 speaker", "1,200 speakers"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def nameless(n: int) -> str:
    """That of ``n`` utterances nobody knows the speaker."""
    return count(n, "utterance has", "utterances have") + " no speaker id"


def settling(more_speakers: int | None) -> str:
    """How many more speakers a difference would take (evalkit.statistics.power), to two digits;
    "0" where it is settled, "out of reach" where no number would settle it."""
    if more_speakers is None:
        return "out of reach"
    return f"{int(float(f'{more_speakers:.2g}')):,}"


def settled_by(more: int | None, people: str = "speakers") -> str:
    """That so many more ``people`` would settle a difference, within a sentence."""
    if more == 0:
        return f"the {people} are enough to show a difference of this size in 80 of 100 cases"
    many = (f"no number of {people} within reach" if more is None
            else f"about {settling(more)} more {people}")
    return f"{many} would settle it"


def one_of(texts: Sequence[str]) -> str:
    """One or more texts as one with alternatives, in sclite's notation: { a / b }. Those that are
    said twice, and blank ones beside others, add nothing."""
    different = [*dict.fromkeys(text for text in texts if text.strip())] or texts[:1]
    if len(different) == 1:
        return different[0]
    return "{ " + " / ".join(text.strip() for text in different) + " }"


def pace(milliseconds: float) -> str:
    """How much audio a streamed system was given at a time: "13.7 ms at a time", "59 s at a time,
    shorter recordings whole"."""
    if milliseconds < 1000:
        return f"{milliseconds:g} ms at a time"
    return f"{milliseconds / 1000:g} s at a time, shorter recordings whole"
