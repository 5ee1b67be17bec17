"""Sentences, lists and Markdown as the HTML of a page. Whatever comes from a run folder is
untrusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

from evalkit.core.folders import without_folders
from evalkit.core.text import printable


def say(sentence: str, *parts: object) -> Markup:
    """``sentence``, which is markup, with each ``{}`` replaced by a part of the run, escaped and
    isolated from the direction of the text around it."""
    isolated = (Markup("<bdi>{}</bdi>").format(printable(part)) for part in parts)
    return Markup(sentence).format(*isolated)  # noqa: S704 -- sentences are constants


def listed(parts: list[Markup]) -> Markup:
    """ "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return Markup("").join(parts)
    return Markup(", ").join(parts[:-1]) + " and " + parts[-1]


def listed_words(names: Sequence[str]) -> str:
    """``listed`` of plain text."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def in_sentence(title: str) -> str:
    """A title within a sentence: "Word error rate" begins small there, "PESQ" does not."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


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
    """A configuration as YAML, in its own order, without the folders of its paths."""
    import yaml

    return yaml.safe_dump(_without_folders(tree), sort_keys=False, allow_unicode=True, width=88)


def _without_folders(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_folders(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_without_folders(item) for item in tree]
    return without_folders(tree) if isinstance(tree, str) else tree
