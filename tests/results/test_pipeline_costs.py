"""Costs that are stated in a file: read, and refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.errors import EvalkitError
from evalkit.results.pipeline_costs import read_costs

NAMES = ["fp32", "int8"]


@pytest.mark.parametrize(("name", "text"), [
    ("c.csv", "pipeline,bytes,latency_ms\nfp32,4e6,\nint8,1000000,12.5\n"),
    ("c.tsv", "pipeline\tbytes\tlatency_ms\nfp32\t4000000\t\nint8\t1e6\t12.5\n"),
    ("null.yaml", "fp32: {bytes: 4e+6, latency_ms: null}\nint8: {bytes: 1e+6, latency_ms: 12.5}"),
    ("c.yaml", "fp32: {bytes: 4000000}\nint8: {bytes: 1000000, latency_ms: 12.5}\n"),
    ("c.json", '{"fp32": {"bytes": 4e6}, "int8": {"bytes": 1e6, "latency_ms": 12.5}}')])
def test_forms(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found = read_costs(tmp_path / name, NAMES)
    assert {key: (each.bytes, each.latency_ms) for key, each in found.items()} == {
        "fp32": (4e6, None), "int8": (1e6, 12.5)}


def test_minus_nothing_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("pipeline,bytes\nint8,-0\n")
    assert str(read_costs(tmp_path / "c.csv", NAMES)["int8"].bytes) == "0.0"


def test_a_row_of_another_pipeline_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("pipeline,bytes\nint4,1\nint8,2\n")
    assert {name: each.bytes for name, each in read_costs(tmp_path / "c.csv", NAMES).items()} == {
        "int4": 1, "int8": 2}


@pytest.mark.parametrize(("text", "message"), [
    ("pipeline,bytes\nint4,1\n", "no pipeline 'int4' is compared.*did you mean 'int8'"),
    ("pipeline,bites\nint8,1\n", "int8: no cost 'bites'.*did you mean 'bytes'"),
    ("pipeline,bytes\nint8,-1\n", "int8: bytes must be a number from 0"),
    ("pipeline,bytes\nint8,nan\n", "int8: bytes must be a number"),
    ("pipeline,bytes\nint8,1e99\n", "int8: bytes must be a number"),
    ("pipeline,bytes\nint8,lots\n", "not 'lots'"),
    ("pipeline,bytes\nint8,1\nint8,2\n", "line 3: pipeline 'int8' has a row already"),
    ("pipeline,bytes\nint8,1,2\n", "more or fewer cells"),
    ("pipelin,bytes\nint8,1\n", "has no column 'pipeline'.*; there are pipelin, bytes"),
    ("pipelin,bites\nint8,1\n", "has no column 'pipeline'.*; there are pipelin, bites"),
    ("", "holds no row"),
    ("pipeline,bytes\nin\x1bt8,1\n", "no pipeline")])
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text(text)
    with pytest.raises(EvalkitError, match=message) as error:
        read_costs(path, NAMES)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value) and "\x1b" not in str(error.value)


@pytest.mark.parametrize("text", ["int8: 5\n", "int8: {bytes: true}\n", "int8: {bytes: [1]}\n",
                                  "int8: {bytes: .nan}\n", "- int8\n"])
def test_yaml_of_another_form(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(EvalkitError) as error:
        read_costs(path, NAMES)
    assert "\n" not in str(error.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(EvalkitError, match="cannot read"):
        read_costs(tmp_path / "c.csv", NAMES)
