"""The values of a run as Markdown tables, for the documents that people read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalkit.core.ledger import lines
from evalkit.core.text import bracketed, heading, in_markdown, number, p_value
from evalkit.exports.cells import Cell
from evalkit.exports.evidence import Evidence
from evalkit.exports.sentences import cohorts, of_gap, worst_groups
from evalkit.store.documents.run import System

TO_FILL_IN = "**To be filled in by a person.**"
LONGEST = 1000
"""Characters of a cell that are shown."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown; cells are escaped."""
    lines_ = [[in_markdown(cell, LONGEST) for cell in head], ["---"] * len(head),
              *([in_markdown(cell, LONGEST) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines_)


def scores(evidence: Evidence) -> str:
    """Every score of everybody under each condition."""
    return table(["Metric", "Condition", "Value", "95 % interval", "Measured", "Failed",
                  "Speakers"], [[_title(cell, evidence), cell.condition, *_value(cell, evidence),
                                 f"{cell.n:,} {cell.counted}", f"{cell.n_failed:,}",
                                 f"{cell.n_speakers:,}"] for cell in evidence.overall])


def groups(evidence: Evidence) -> Iterator[str]:
    """A table a score and column, with its name in front."""
    for metric in dict.fromkeys(cell.metric for cell in evidence.groups):
        for by in dict.fromkeys(c.by for c in evidence.groups if c.metric == metric):
            rows = [cell for cell in evidence.groups if (cell.metric, cell.by) == (metric, by)]
            yield (f"{in_markdown(_title(rows[0], evidence))} by {in_markdown(by)}\n\n" + table(
                [by, "Condition", "Value", "95 % interval", "Measured", "Failed", "Speakers",
                 "Compared", "p adjusted"],
                [[cell.group, cell.condition, *_value(cell, evidence), f"{cell.n:,} {cell.counted}",
                  f"{cell.n_failed:,}", f"{cell.n_speakers:,}",
                  "yes" if cell.status == "ok" else cell.status, p_value(cell.p_adjusted)]
                 for cell in rows]))


def at_risk(evidence: Evidence) -> list[str]:
    """A line for the worst group by every column under each condition, and for every cohort that
    was confirmed."""
    said = [(f"{cell.by}={cell.group}, {cell.condition}", of_gap(cell, evidence.facts[cell.metric]))
            for cell in worst_groups(evidence)]
    return [f"- **{in_markdown(who)}**: {in_markdown(what)}"
            for who, what in [*said, *cohorts(evidence)]]


def left_out(evidence: Evidence) -> str:
    """A line for every record of the ledger."""
    said = [f"- {in_markdown(line)}" for line in lines(evidence.left_out)]
    return "\n".join(said) or "Nothing was left out, and nothing failed."


def systems(evidence: Evidence) -> str:
    """The parts of the pipeline, with what identifies them to the byte."""
    return table(["Part", "System", "Identity"],
                 [[part, system.name, system.identity] for part, system in parts(evidence)])


def parts(evidence: Evidence) -> list[tuple[str, System]]:
    """The parts that the pipeline has, in the order in which they hear."""
    of = evidence.parts
    named = (("enhancer", of.enhancer), ("recognizer", of.recognizer), ("encoder", of.encoder),
             ("endpointer", of.endpointer))
    return [(name, system) for name, system in named if system is not None]


def definitions(evidence: Evidence) -> str:
    """What each metric that is shown means."""
    return table(["Metric", "Name", "Unit", "Better", "Definition"], [
        [fact.named(name), name, fact.unit or "–",
         "higher" if fact.higher_is_better else "lower", fact.definition]
        for name, fact in evidence.shown_facts.items()])


def conditions(evidence: Evidence) -> str:
    """What was done to the speech."""
    return table(["Condition", "What was done"], [
        [name, evidence.record.conditions[name].identity] for name in evidence.conditions
        if name in evidence.record.conditions])


def _title(cell: Cell, evidence: Evidence) -> str:
    fact = evidence.facts[cell.metric]
    return heading(fact.named(cell.metric), fact)


def _value(cell: Cell, evidence: Evidence) -> list[str]:
    fact = evidence.facts[cell.metric]
    return [number(cell.value, fact), bracketed(cell.low, cell.high, fact) or "–"]
