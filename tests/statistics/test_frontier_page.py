"""docs/frontier.md, whose example is run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import evalkit
from evalkit.core.errors import EvalkitError
from tests.conftest import evalkit as command

PAGE = (Path(__file__).parents[2] / "docs" / "frontier.md").read_text()
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
            for line in block.splitlines()]
TABLE, = re.findall(r"^```csv\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
LOST = {"fp32": (0.1, 0.1), "int8": (0.1, 0.1), "int4": (0.1, 0.4)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the page names; at 4 bits one accent is badly understood."""
    folder, text = tmp_path_factory.mktemp("frontier"), "turn on the lights in the kitchen please"
    (folder / "test.jsonl").write_text("".join(json.dumps({
        "id": f"u{s}-{i}", "text": text, "speaker": f"s{s}", "accent": ["north", "south"][s % 2]})
        + "\n" for s in range(40) for i in range(6)))
    for name, rates in LOST.items():
        random = np.random.default_rng(0)
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({
            "id": f"u{s}-{i}", "hypothesis": " ".join(
                w for w in text.split() if random.random() > rates[s % 2])}) + "\n"
            for s in range(40) for i in range(6)))
    (folder / "costs.csv").write_text(TABLE)
    done = command(*shlex.split(COMMANDS[0])[1:], cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_example_says_who_pays(folder: Path) -> None:
    done = command(*shlex.split(COMMANDS[1])[1:], cwd=folder)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "wer % against size of weights, all conditions; changes are from fp32"
    assert "bytes MB" in lines[1]
    assert [line.split()[:2] for line in lines[2:5]] == [
        ["int4", "0.487"], ["int8", "0.948"], ["fp32", "3.689"]]
    assert sum("south pays for int4: wer from" in line for line in lines) == 1
    assert not any("north pays" in line or "pays for int8" in line for line in lines)
    done = command(*shlex.split(COMMANDS[1])[1:], "--cost", "macs", cwd=folder)
    assert "1 pipeline left out: multiply-accumulates not known" in done.stdout
    assert "int4" in done.stdout and "pays" not in done.stdout.replace("! pays more", "").replace(
        "no group is seen to pay", "")


def test_the_page_has_costs_that_are_stated(folder: Path) -> None:
    done = command(*shlex.split(COMMANDS[2])[1:], cwd=folder)
    assert done.returncode == 0, done.stderr
    page = (folder / "reports/sizes/index.html").read_text()
    assert "<bdi>south</bdi></b> pays for <bdi>int4</bdi>" in page
    told = json.loads((folder / "reports/sizes/findings.json").read_text())
    printed = command(*shlex.split(COMMANDS[1])[1:], "--json", cwd=folder)
    assert told["sections"]["frontier"]["variants"] == json.loads(printed.stdout)["variants"]
    evalkit.report(folder / "runs/sizes", folder / "two", costs={
        "fp32": {"bytes": 3}, "int4": {"bytes": 1}})
    assert 'id="frontier"' in (folder / "two/index.html").read_text()


@pytest.mark.parametrize(("costs", "said"), [
    ("pipeline,bytes\nint9,1\n", "costs.csv: no pipeline 'int9' is compared.*mean 'int8'"),
    ("pipeline,bytes\nint8,-1\n", "costs.csv: int8: bytes must be a number from 0"),
    ("pipeline,bytes\nint8,1\n", "no cost is known of two pipelines")])
def test_costs_that_cannot_be_shown_write_no_page(folder: Path, tmp_path: Path, costs: str,
                                                  said: str) -> None:
    (tmp_path / "costs.csv").write_text(costs)
    done = command("report", folder / "runs/sizes", "--costs", "costs.csv", "-o", "page",
                   cwd=tmp_path)
    assert done.returncode == 2 and re.search(f"error: {said}", done.stderr)
    assert not (tmp_path / "page").exists()


def test_the_function_says_what_the_command_says(folder: Path) -> None:
    costs = {"fp32": {"bytes": 3}, "int4": {"bytes": 1}}
    found = evalkit.frontier(folder / "runs/sizes", by=["accent"], costs=costs)
    assert [each.pipeline for each in found.variants] == ["int4", "fp32"]
    assert [(row.group, row.pipeline) for row in found.payers] == [("south", "int4")]
    printed = command("frontier", "runs/sizes", "--by", "accent", "--costs", "costs.csv", "--json",
                      "--pipeline", "fp32", "--pipeline", "int4", cwd=folder)
    assert [each["pipeline"] for each in json.loads(printed.stdout)["variants"]] == ["int4", "fp32"]
    with pytest.raises(EvalkitError, match=r"no pipeline 'int9'; .*mean 'int8'"):
        evalkit.frontier(folder / "runs/sizes", pipelines=["int9"])
    with pytest.raises(EvalkitError, match="costs: fp32: bytes must be a number"):
        evalkit.frontier(folder / "runs/sizes", costs={"fp32": {"bytes": -1}})
