"""Text and numbers as a page shows them. Whatever comes from a run folder is untrusted."""

from __future__ import annotations

import math
import re
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

from evalkit.core.types import Fact

# Controls other than tab and newline, marks and overrides of text direction, half characters
# and code points that are no characters: invisible, or able to reorder what stands around them.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
                     "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#!|~&$])")
_MOST_DECIMALS = 6


def printable(value: object) -> str:
    """``value`` as text whose hidden characters are shown as U+FFFD."""
    return _HIDDEN.sub("\ufffd", str(value))


def short(value: object, length: int) -> str:
    """``printable(value)`` on one line, at most ``length`` characters."""
    text = " ".join(printable(value).split())
    return text if len(text) <= length else text[:length - 1] + "…"


def in_markdown(value: object, length: int = 1000) -> str:
    """``short(value, length)`` as Markdown that shows it as it is and mentions nobody."""
    return _MARKDOWN.sub(r"\\\1", short(value, length)).replace("@", "@\u200b")


def say(sentence: str, *parts: object) -> Markup:
    """``sentence``, which is markup, with each ``{}`` replaced by a part of the run, escaped and
    isolated from the direction of the text around it."""
    isolated = (Markup("<bdi>{}</bdi>").format(printable(part)) for part in parts)
    return Markup(sentence).format(*isolated)  # noqa: S704 -- sentences are constants


def fact_of(entry: dict[str, Any] | None) -> Fact:
    """A metric's facts from its entry in ``run.json``; nothing known where there is none."""
    entry = entry or {}
    return Fact(str(entry.get("unit", "")), entry.get("higher_is_better"),
                str(entry.get("definition", "")), int(entry.get("decimals", 2)))


def number(value: float, fact: Fact) -> str:
    """``value`` in the fact's unit and decimals, "–" where it is undefined. Rates, whose unit
    is "%", are stored as ratios."""
    if not math.isfinite(value):
        return "–"
    shown = 100 * value if fact.unit == "%" else value
    decimals = max(0, min(fact.decimals, _MOST_DECIMALS))
    return f"{shown:.{decimals}f}".replace("-", "−")


def known(value: float | None) -> float:
    """NaN for JSON's null."""
    return math.nan if value is None else float(value)


def chance(p_value: float) -> str:
    """A p-value to the decimals that a permutation test has, "–" where it is undefined."""
    if not math.isfinite(p_value):
        return "–"
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def with_unit(value: float, fact: Fact) -> str:
    """``number`` followed by the unit, for running text."""
    return f"{number(value, fact)}\u00a0{fact.unit}".strip()


def count(n: int, one: str, many: str = "") -> str:
    """``n`` with its noun: "1 speaker", "1,200 speakers"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def listed(parts: list[Markup]) -> Markup:
    """ "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return Markup("").join(parts)
    return Markup(", ").join(parts[:-1]) + " and " + parts[-1]


def markdown(text: str) -> Markup:
    """Markdown as HTML: no raw HTML, no images and no links, headings from level 4 down."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.disable(["image", "link", "autolink", "reference", "html_block", "html_inline"])
    tokens = parser.parse(printable(text))
    for token in tokens:
        if token.type.startswith("heading_"):
            token.tag = f"h{min(6, int(token.tag[1]) + 3)}"
        elif token.type == "th_open":
            token.attrSet("scope", "col")
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704


def yaml_text(tree: Any) -> str:
    """A configuration as YAML, in its own order."""
    import yaml

    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=88)


