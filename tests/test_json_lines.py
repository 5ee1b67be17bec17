"""The reader of one line of JSON against Python's own."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.store.json_lines import object_in

ODD = ['{"a": -0, "b": -0.0, "c": 1e999, "d": -1e-400}', '{"a": NaN, "b": -Infinity}',
       '{"a": 01}', '{"a": 1.}', '{"a": "\\ud800"}', '{"a": "\\ud83d\\ude00"}', '{"a": "\x01"}',
       '{"b": 1, "a": 2, "b": 3}', '{"a": 1,}', "[1, 2]", '{"a": 1} x', '{"a": 1}\x0b', "",
       '\ufeff{"a": 1}', '{"a": "\\x41"}', '{"a": 123456789012345678901234567890}',
       '{"a": ' + "9" * 5000 + "}", '{"a": ' + "[" * 300 + "]" * 300 + "}", '{"a": True}']
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


def same(found: Any, known: Any) -> bool:
    """To Python 1, 1.0 and True are equal, 0.0 and -0.0 too, and NaN is equal to nothing."""
    if type(found) is not type(known):
        return False
    if isinstance(known, dict):
        return list(found) == list(known) and all(same(found[key], known[key]) for key in known)
    if isinstance(known, list):
        return len(found) == len(known) and all(map(same, found, known))
    if isinstance(known, float) and not math.isnan(known):
        return struct.pack("d", found) == struct.pack("d", known)
    return isinstance(known, float) or bool(found == known)


@pytest.mark.parametrize("line", ODD)
def test_an_odd_line_is_read_as_python_reads_it_or_left_to_it(line: str) -> None:
    found = object_in(line.encode("utf-8"))
    assert found is None or same(found, json.loads(line))


@given(st.dictionaries(st.text(), st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) |
                                               st.dictionaries(st.text(), inner, max_size=3))))
def test_what_python_writes_is_read_as_it_was(row: dict[str, Any]) -> None:
    line = json.dumps(row)
    found = object_in(line)
    assert found is None or same(found, json.loads(line))
