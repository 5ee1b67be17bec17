"""``corpora:`` of a configuration: several corpora by name, each measured by itself and none pooled
with another. Everything else of the configuration holds for all, but for what a corpus has of its
own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.core.errors import ConfigError, one_line
from evalkit.core.mistakes import NAME, NAME_FORM

KEY = "corpora"
OWN = ("join", "merge", "where", "per_speaker", "outside", "remote", "channel", "trials",
       "normaliser", "alternatives", "glm")
"""Keys that a corpus may have, in place of those of the configuration."""


def by_corpus(tree: Mapping[str, Any]) -> dict[str | None, dict[str, Any]]:
    """The configuration of every corpus by its name; ``tree`` itself, under None, where it has not
    the key ``corpora``. Raises ConfigError."""
    if KEY not in tree:
        return {None: dict(tree)}
    several, common = tree[KEY], {key: value for key, value in tree.items() if key != KEY}
    if "corpus" in tree:
        raise ConfigError("has both 'corpus' and 'corpora'; name the one among the others, under "
                          "'corpora'")
    if not isinstance(several, Mapping) or not several:
        raise ConfigError("corpora: must be `NAME: manifest.jsonl` or `NAME: {reader: …, path: "
                          "…}` lines, one a corpus")
    _check_names(several)
    return {name: common | _own(corpus) for name, corpus in several.items()}


def _own(corpus: Any) -> dict[str, Any]:
    """The corpus, and what else it says of itself."""
    if not isinstance(corpus, Mapping):
        return {"corpus": corpus}
    own = {key: value for key, value in corpus.items() if key in OWN}
    rest = {key: value for key, value in corpus.items() if key not in own}
    return own | {"corpus": rest["path"] if rest.keys() == {"path"} else rest}


def _check_names(names: Mapping[str, Any]) -> None:
    """Raises ConfigError for a name that no folder may have, or that two folders would share where
    case does not part them."""
    folded: dict[str, str] = {}
    for name in names:
        if not NAME.fullmatch(name):
            raise ConfigError(f"corpora: the name {one_line(name)!r} cannot be used: it "
                              f"{NAME_FORM}")
        if name.casefold() in folded:
            raise ConfigError(f"corpora: {folded[name.casefold()]!r} and {name!r} differ in "
                              "capital letters only; rename one")
        folded[name.casefold()] = name
