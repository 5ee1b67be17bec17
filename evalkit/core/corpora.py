"""``corpora:`` of a configuration: several corpora by name, each measured by itself and none pooled
with another. Everything else of the configuration holds for all, but for what a corpus has of its
own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evalkit.core.errors import ConfigError, EvalkitError, one_line
from evalkit.core.mistakes import NAME, NAME_FORM, shown, unknown_key
from evalkit.core.plugins import Options, options_of

KEY = "corpora"
OWN = ("join", "merge", "where", "per_speaker", "outside", "remote", "channel", "trials",
       "normaliser", "alternatives", "glm")
"""Keys that a corpus may have, in place of those of the configuration."""
ITSELF = ("path", "reader", "options")
RESERVED = frozenset({"audio", "corpora.json", "findings.json", "index.html", "outputs", "run.json",
                      "tables"})
"""What evalkit writes, or looks for, beside the folders of corpora, in runs and in reports."""


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
    return {name: common | _own(name, corpus) for name, corpus in several.items()}


def placed(tree: Mapping[str, Any], name: str | None) -> Callable[[str], str]:
    """Says of a mistake in the configuration of the corpus ``name``, which begins with its key,
    where in ``tree`` that key is."""
    if name is None:
        return str
    own = tree[KEY][name]

    def where(mistake: str) -> str:
        key = mistake.replace(":", ".").partition(".")[0]
        if key == "corpus":
            return f"{KEY}.{name}{mistake.removeprefix(key)}"
        return f"{KEY}.{name}.{mistake}" if isinstance(own, Mapping) and key in own else mistake
    return where


def _own(name: str, corpus: Any) -> dict[str, Any]:
    """The corpus, and what else it says of itself. Raises ConfigError."""
    if not isinstance(corpus, str | Mapping) or not corpus:
        raise ConfigError(f"{KEY}.{name}: must be `{name}: manifest.jsonl` or `{name}: "
                          f"{{reader: …, path: …}}`, not {shown(corpus)}")
    rest = dict(corpus) if isinstance(corpus, Mapping) else {"path": corpus}
    own = {key: rest.pop(key) for key in OWN if key in rest}
    _check_keys(name, rest)
    return own | {"corpus": rest}


def _check_keys(name: str, corpus: Mapping[str, Any]) -> None:
    """Raises ConfigError for a key that neither a corpus nor its reader has. A reader that takes
    any says itself which it cannot use."""
    reader = corpus.get("reader")
    options = _options(name, reader)
    known = dict.fromkeys((*ITSELF, *options.names, *OWN))
    unknown = [key for key in corpus if key not in known]
    if unknown and not options.others:
        raise ConfigError(f"{KEY}.{name}: {unknown_key(unknown[0], [*known])}"
                          + ("" if reader else "; a reader has further options"))


def _options(name: str, reader: Any) -> Options:
    """Those of a reader, none where it is not named. Raises ConfigError for one that there is
    not."""
    try:
        return options_of("corpora", reader) if isinstance(reader, str) else Options((), False)
    except EvalkitError as error:
        raise ConfigError(f"{KEY}.{name}.reader: {error}") from error


def _check_names(names: Mapping[str, Any]) -> None:
    """Raises ConfigError for a name that no folder may have, that is something else's, or that two
    folders would share where case does not part them."""
    folded: dict[str, str] = {}
    for name in names:
        if not NAME.fullmatch(name):
            raise ConfigError(f"corpora: the name {one_line(name)!r} cannot be used: it "
                              f"{NAME_FORM}")
        if name.casefold() in RESERVED:
            raise ConfigError(f"corpora: the name {name!r} cannot be used: evalkit gives it to a "
                              "file or folder of its own beside the corpora; rename it")
        if name.casefold() in folded:
            raise ConfigError(f"corpora: {folded[name.casefold()]!r} and {name!r} differ in "
                              "capital letters only; rename one")
        folded[name.casefold()] = name
