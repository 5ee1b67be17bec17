"""A skeleton of the technical documentation of a high-risk system, by the points of Annex IV to
Regulation (EU) 2024/1689, the Artificial Intelligence Act: what evalkit knows, and what a person
must fill in. The points are named in short; their numbers, letters and subjects were compared with
a reproduction of the Annex, which has them in full."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from evalkit.core.text import count, in_markdown
from evalkit.exports import tables
from evalkit.exports.evidence import Evidence
from evalkit.exports.tables import TO_FILL_IN

Fill = Callable[[Evidence], Iterator[str]]


def technical_documentation(evidence: Evidence) -> str:
    """The skeleton, Markdown, with every one of POINTS."""
    said = [f"# Technical documentation of {in_markdown(evidence.name)}",
            "By the points of Annex IV to Regulation (EU) 2024/1689, named in short here; the "
            "Regulation has them in full. evalkit filled in what one evaluation knows; whether it "
            "is enough is for a person to judge. "
            f"What it does not know is marked: {TO_FILL_IN}"]
    for point, title, fill in POINTS:
        level = "###" if "(" in point else "##"
        said += [f"{level} {point} {title}", *(fill(evidence) if fill else ())]
        if point not in WHOLE:
            said.append(TO_FILL_IN)
    return "\n\n".join(said) + "\n"


def _versions(evidence: Evidence) -> Iterator[str]:
    yield ("What was evaluated, with an identity that changes whenever the part does, on "
           f"{in_markdown(evidence.record.created)}:")
    yield tables.systems(evidence)


def _software(evidence: Evidence) -> Iterator[str]:
    record = evidence.record
    yield f"Of the evaluation: Python {in_markdown(record.python)}, and these packages:"
    yield tables.table(["Package", "Version"], list(record.packages.items()))


def _hardware(evidence: Evidence) -> Iterator[str]:
    machine = evidence.record.machine
    yield (f"The evaluation ran on {in_markdown(machine.processor or 'an unnamed processor')} "
           f"({in_markdown(machine.platform)}), which need not be what the system is meant for.")


def _resources(evidence: Evidence) -> Iterator[str]:
    costs = [(name, system.cost) for name, system in tables.parts(evidence) if system.cost]
    if costs:
        yield tables.table(["Part", "Weights", "Bytes", "Multiply-accumulates a second of audio"], [
            [name, *("unknown" if each is None else f"{each:,.0f}" for each in (
                cost.weights, cost.bytes, cost.macs_per_second))] for name, cost in costs])
    if evidence.efficiency:
        yield "Of the evaluation, on the machine of 1 (e) while its workers shared it:"
        yield tables.table(["Condition", "Seconds of audio", "Seconds of processing"], [
            [each.condition, f"{each.seconds:,.1f}", f"{each.processing_seconds:,.1f}"]
            for each in evidence.efficiency])


def _testing(evidence: Evidence) -> Iterator[str]:
    corpus = evidence.record.corpus
    yield (f"Tested on the corpus {in_markdown(corpus.name)} (digest `{corpus.digest}`): "
           f"{count(corpus.utterances, 'utterance')} of {count(corpus.speakers, 'speaker')}, under "
           f"{count(len(evidence.conditions), 'condition')}.")
    yield tables.conditions(evidence)
    yield "Metrics:"
    yield tables.definitions(evidence)
    yield "What took no part in them:"
    yield from filter(None, [in_markdown(evidence.withheld)])
    yield tables.left_out(evidence)
    yield "Potentially discriminatory impacts: see 3."


def _performance(evidence: Evidence) -> Iterator[str]:
    yield "The overall level of accuracy:"
    yield tables.scores(evidence)
    yield "The degrees of accuracy for groups of persons:"
    yield from tables.groups(evidence)
    yield "Who is served worst, and whether that is more than chance:"
    yield "\n".join(tables.at_risk(evidence)) or "No two groups could be compared."
    yield from map(in_markdown, evidence.notes)


def _appropriateness(evidence: Evidence) -> Iterator[str]:
    yield ("Rates are sums of errors divided by sums of what can be wrong, never means of rates; "
           "their intervals are over speakers. Whether they measure what matters for the intended "
           "purpose:")


POINTS: tuple[tuple[str, str, Fill | None], ...] = (
    ("1", "General description of the AI system", None),
    ("1 (a)", "Intended purpose, provider, version and its relation to earlier ones", _versions),
    ("1 (b)", "Interaction with hardware, software and AI systems that are no part of it", None),
    ("1 (c)", "Versions of software and firmware, and requirements of version updates", _software),
    ("1 (d)", "Forms in which it is placed on the market or put into service", None),
    ("1 (e)", "Hardware on which it is intended to run", _hardware),
    ("1 (f)", "Where it is a component of products: their features, marking and layout", None),
    ("1 (g)", "User interface provided to the deployer", None),
    ("1 (h)", "Instructions for use and user interface for the deployer", None),
    ("2", "Elements of the AI system and process of its development", None),
    ("2 (a)", "Methods and steps of development, and pre-trained systems and tools used", None),
    ("2 (b)", "Design specifications: logic, key choices and assumptions, classification, what it "
     "optimises for, expected output and its quality, trade-offs", None),
    ("2 (c)", "Architecture, and computational resources of development, training and testing",
     _resources),
    ("2 (d)", "Data requirements: training methods, training data, their provenance, selection, "
     "labelling and cleaning", None),
    ("2 (e)", "Human oversight measures needed (Article 14), and what helps deployers to interpret "
     "outputs (Article 13)", None),
    ("2 (f)", "Pre-determined changes to the system and its performance, and how it goes on to "
     "comply", None),
    ("2 (g)", "Validation and testing: data, metrics of accuracy and robustness, discriminatory "
     "impacts, logs and reports, dated and signed", _testing),
    ("2 (h)", "Cybersecurity measures", None),
    ("3", "Monitoring, functioning and control: capabilities and limitations, accuracy overall and "
     "for groups of persons, foreseeable unintended outcomes and sources of risks, human "
     "oversight, input data", _performance),
    ("4", "Appropriateness of the performance metrics for the system", _appropriateness),
    ("5", "Risk management system (Article 9)", None),
    ("6", "Relevant changes by the provider through the lifecycle", None),
    ("7", "Harmonised standards applied in full or in part, or the solutions adopted instead, and "
     "other standards", None),
    ("8", "Copy of the EU declaration of conformity (Article 47)", None),
    ("9", "Evaluation of performance after placing on the market (Article 72), with the monitoring "
     "plan", None))
"""Points of the Annex, their subjects in short, and what evalkit knows of them."""
WHOLE = frozenset({"1", "2"})
"""Those that are their points and nothing else."""
