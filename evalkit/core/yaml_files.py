"""YAML as people write it, and as somebody hostile does: bounded, every key once, and a mistake
named by its line in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from evalkit.core.errors import ConfigError, one_line
from evalkit.core.files import regular
from evalkit.core.names import instead

LONGEST = 1_000_000
"""Bytes of a configuration file."""
DEEPEST = 40
"""Levels of keys within keys and lists within lists."""
MOST_NODES = 20_000
"""Keys and values, those that an alias stands for counted every time."""

_TAG = "tag:yaml.org,2002:"
_PLAIN = (
    ("found character '\\t'", "a tab; indent with spaces"),
    ("mapping values are not allowed", "a second `:` in one line, or a line that is indented too "
     "far; put text that holds `: ` in quotes"),
    ("expected <block end>", "is not indented as the lines it belongs with, or a quote or bracket "
     "ends too soon"),
    ("could not find expected ':'", "a key without `: value`"),
    ("found unexpected end of stream", "a quote that is not closed"),
    ("expected ',' or", "a bracket [ or { that is not closed, or a comma that is missing"),
    ("found undefined alias", "text that begins with * stands for a part marked &NAME, which is "
     "not there; put it in quotes"),
    ("could not determine a constructor", "a tag that begins with !, which means nothing here; put "
     "text that begins with ! in quotes"),
    ("another document", "a second document; leave the line --- and what follows away"),
    ("that cannot start any token", "text that begins with %, @ or ` must be in quotes"),
    ("sequence entries are not allowed", "a list's `- ` where a value was expected; begin the list "
     "on a line of its own"),
    ("expected alphabetic or numeric", "text that begins with & or * must be in quotes"),
    ("found unknown escape character", "a \\ within double quotes; use single quotes"),
    ("expected escape sequence", "a \\ within double quotes; use single quotes"),
    ("found duplicate anchor", "a mark &NAME that was given before"),
    ("for merging", "`<<:` takes *NAME of a part with keys"),
    ("expected '<document start>'", "more follows what looked like the whole file; is this "
     "YAML, or a manifest?"),
    ("expected the node content", "a comma, a bracket or `:` where a value was expected"),
)
"""What the parser's messages mean."""
_BEGINS = ("found unexpected end of stream", "expected ',' or", "could not find expected ':'")
"""Messages about what began on an earlier line."""


class _Refused(yaml.MarkedYAMLError):
    """What this reader refuses; ``problem`` is in plain words."""

    def __init__(self, problem: str, at: yaml.Mark) -> None:
        super().__init__(problem=problem, problem_mark=at)


class _Loader(yaml.SafeLoader):
    """Safe YAML without dates. Every key is text and comes once, and what aliases unfold to is
    bounded."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        event, at = self.peek_event(), self.peek_event().start_mark
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag:
            raise yaml.MarkedYAMLError(problem="could not determine a constructor", problem_mark=at)
        is_key = isinstance(parent, yaml.MappingNode) and index is None
        if is_key and isinstance(event, yaml.AliasEvent):
            raise _Refused("an alias where a key was expected; write the key itself", at)
        self._depth += 1
        if self._depth > DEEPEST:
            raise _Refused(f"nested more than {DEEPEST} deep", at)
        node = super().compose_node(parent, index)
        self._depth -= 1
        self._check_size(node, at)
        return node

    def _check_size(self, node: Any, at: yaml.Mark) -> None:
        if isinstance(node, yaml.ScalarNode):
            self._sizes[id(node)] = 1
        if id(node) not in self._sizes:
            raise _Refused("an alias within what it stands for", at)
        if self._sizes[id(node)] > MOST_NODES or len(self._sizes) > MOST_NODES:
            raise _Refused(f"more than {MOST_NODES:,} keys and values, aliases unfolded", at)

    def compose_sequence_node(self, anchor: Any) -> Any:
        node = super().compose_sequence_node(anchor)
        self._measure(node, node.value)
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        first: dict[str, yaml.Mark] = {}
        for key, _ in node.value:
            name = _name(key)
            if name in first:
                raise _Refused(f"the key {one_line(name)!r} was on line {first[name].line + 1} "
                               "already; keep one of them", key.start_mark)
            first[name] = key.start_mark
        self._measure(node, [value for _, value in node.value])
        return node

    def _measure(self, node: yaml.Node, children: list[yaml.Node]) -> None:
        """Notes how many nodes there are in ``node``, which aliases may hold many times."""
        self._sizes[id(node)] = 1 + sum(self._sizes[id(child)] for child in children)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        if isinstance(node, yaml.ScalarNode):
            _check_scalar(node)
        return super().construct_object(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers
            if tag not in {f"{_TAG}timestamp", f"{_TAG}value"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def _name(key: yaml.Node) -> str:
    """The text of a key. Raises _Refused where it is read as something else."""
    if not isinstance(key, yaml.ScalarNode):
        raise _Refused("a list or a bracket where a key was expected", key.start_mark)
    if key.tag not in {f"{_TAG}str", f"{_TAG}merge"}:
        kind = {"bool": "true or false", "null": "nothing"}.get(key.tag.removeprefix(_TAG),
                                                                "a number")
        raise _Refused(f"the key {one_line(key.value)} is read as {kind}; put it in quotes",
                       key.start_mark)
    return str(key.value)


def _check_scalar(node: yaml.ScalarNode) -> None:
    """Raises _Refused for a value that would be read as something that it does not look like."""
    digits = node.value.lstrip("+-").replace("_", "")
    if node.tag in {f"{_TAG}int", f"{_TAG}float"} and (
            ":" in digits or (digits.isdecimal() and digits[0] == "0" != digits)):
        base = 60 if ":" in digits else 8
        raise _Refused(f"{one_line(node.value, 40)} would be read to base {base}; put text in "
                       "quotes, or write the number without it", node.start_mark)
    if node.tag == f"{_TAG}int" and len(digits) > 18:
        raise _Refused("a number of more than 18 digits; put text in quotes", node.start_mark)
    if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in node.value):
        raise _Refused("text with a NUL or half a character (a lone surrogate)", node.start_mark)


def read_yaml(path: Path) -> dict[str, Any]:
    """The keys and values of a YAML file. Raises ConfigError naming the file, and the line of
    what is no YAML."""
    text = _text(path)
    try:
        tree = _loaded(text)
    except (yaml.YAMLError, ValueError) as error:
        kind = "" if isinstance(error, _Refused) else "not YAML: "
        raise ConfigError(f"{path}: {kind}{_plain(error, text)}") from error
    if not isinstance(tree, dict):
        empty = "is empty; " if tree is None else ""
        raise ConfigError(f"{path}: {empty}expected `key: value` lines")
    return tree


def yaml_value(text: str) -> Any:
    """The value that ``text`` is in YAML. Raises ValueError, in plain words, where it is none."""
    try:
        return _loaded(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(_plain(error, text).removeprefix("line 1: ")) from error


def _loaded(text: str) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _text(path: Path) -> str:
    """Raises ConfigError where there is no short file of text."""
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; give the YAML file itself")
        with regular(path).open("rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}"
                          f"{instead(path)}") from error
    if len(data) > LONGEST:
        raise ConfigError(f"{path}: longer than {LONGEST:,} bytes; a configuration is not")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start + 1}); save it as UTF-8"
                          ) from error


def _plain(error: Exception, text: str) -> str:
    """The line, and what is wrong there."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text[:error.position].count("\n") + 1
        return f"line {line}: a control character; is this a text file?"
    if not isinstance(error, yaml.MarkedYAMLError):
        return one_line(error)
    problem = error.problem or ""
    mark = error.context_mark if problem.startswith(_BEGINS) else error.problem_mark
    mark = mark or error.problem_mark
    known = (plain for part, plain in _PLAIN if part in problem)
    where = f"line {mark.line + 1}: " if mark else ""
    return where + (problem if isinstance(error, _Refused) else next(known, one_line(problem)))
