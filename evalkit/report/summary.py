"""The sentences at the top of a page, written by rule from its numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup

from evalkit.cohorts.evidence import FRESH
from evalkit.core.ledger import LeftOut, counted
from evalkit.core.text import count, number, span, with_unit
from evalkit.report.cohort_words import described
from evalkit.report.discovery import Discovery
from evalkit.report.groups import Groups
from evalkit.report.headline import Headline
from evalkit.report.text import in_sentence, listed, say
from evalkit.statistics.groups import NOTHING
from evalkit.store.documents.findings import Verdict
from evalkit.store.documents.run import Failure, RunRecord
from evalkit.store.scores import GIVEN

ALPHA = 0.05
FEW_SPEAKERS = 30
"""Below this many speakers a group's rate depends on who happens to be in it."""


def what_was_run(record: RunRecord, headline: Headline) -> Markup:
    """How many pipelines, utterances, speakers and conditions."""
    corpus = record.corpus
    verb = "was" if len(headline.pipelines) == 1 else "were"
    speakers = f" of {count(corpus.speakers, 'speaker')}" if corpus.speakers else ""
    scored = "scored" if headline.conditions == [GIVEN] else "run"
    conditions = "" if scored == "scored" else (
        f", in {count(len(headline.conditions), 'condition')}")
    return say(f"{{}} {verb} {scored} on {{}}{speakers} from the corpus <b>{{}}</b>{conditions}.",
               count(len(headline.pipelines), "pipeline"),
               count(corpus.utterances, "utterance"), corpus.name)


def best_pipelines(headline: Headline) -> Markup:
    """Which pipeline is best under each condition by the most important metric; several where
    they show the same value."""
    if not headline.judged:
        return Markup()
    metric = headline.judged[0]
    fact, winners = headline.facts[metric], _winners(headline, metric)
    title = fact.named(metric)
    if len(headline.pipelines) == 1:
        values = [value for where in winners.values() for value in where]
        return say("{} is ", title) + listed(values) + "."
    parts = [Markup("with ") + listed([say("<b>{}</b>", name) for name in names]) + ": "
             + listed(where) for names, where in winners.items()]
    lead = "is highest" if fact.higher_is_better else "is lowest"
    return say(f"{{}} {lead} ", title) + Markup("; ").join(parts) + _unlike(headline, metric) + "."


def _unlike(headline: Headline, metric: str) -> str:
    """Where some measurements failed, pipelines were not all measured on the same utterances."""
    failed = any(row.n_failed for row in headline.of(metric).values())
    return "; each over the utterances that it has a value of" if failed else ""


def _winners(headline: Headline, metric: str) -> dict[tuple[str, ...], list[Markup]]:
    """By the names of the best pipelines, their value under each condition where they are best."""
    fact, winners = headline.facts[metric], defaultdict[tuple[str, ...], list[Markup]](list)
    rows = [row for row in headline.of(metric).values() if not row.undefined]
    for condition in headline.conditions:
        tried = [row for row in rows if row.condition == condition]
        if tried:
            best = min(tried, key=lambda row: fact.worse * row.value)
            value = with_unit(best.value, fact)
            names = tuple(row.pipeline for row in tried if with_unit(row.value, fact) == value)
            winners[names].append(say("{}", value) + _under(condition))
    return winners


def _under(condition: str) -> Markup:
    """Nothing for hypotheses that were made elsewhere: it is not known what was heard."""
    return Markup() if condition == GIVEN else say(" in {}", condition)


def confirmed_cohorts(discovery: Discovery) -> Markup:
    """Of the cohorts that finders discovered, how many fresh speakers confirmed, and the worst."""
    if not discovery.confirmed:
        return say("Discovery on half of the speakers found {} that could be tested on the other "
                   "half, and none was confirmed there.", count(discovery.tested, "cohort"))
    worst, fact = discovery.confirmed[0], discovery.findings.fact
    gap = worst.gap or NOTHING
    many = len(discovery.confirmed)
    return say("Of {} that were discovered on half of the speakers and tested on the other half, "
               "{}; the worst is <b>{}</b>, where {} is worse by {} (95 % interval {}).",
               count(discovery.tested, "cohort"),
               f"{many} {'was' if many == 1 else 'were'} confirmed", described(worst),
               in_sentence(fact.named(discovery.findings.metric)),
               f"{number(gap.value, fact)} {fact.difference_unit}".strip(),
               span(gap.low, gap.high, fact) or "unknown")


def confirmed_in_brief(discovery: Discovery) -> Markup:
    """The same for the first screen; empty where none was confirmed."""
    if not discovery.confirmed:
        return Markup()
    return (say("Fresh speakers confirmed {} of {} that were tested on them; the worst is ",
                len(discovery.confirmed), count(discovery.tested, "cohort"))
            + said_of(discovery, discovery.confirmed[0]) + ".")


def untested_cohorts(discovery: Discovery) -> Markup:
    """How many cohorts had too few fresh speakers for a test; empty where none."""
    few = discovery.too_few
    return say("{} had fewer than {} fresh speakers, too few to confirm or to refute.",
               count(few, "further cohort"), FRESH) if few else Markup()


def said_of(discovery: Discovery, verdict: Verdict) -> Markup:
    """A confirmed cohort and by how much it is worse on fresh speakers."""
    gap, fact = verdict.gap or NOTHING, discovery.findings.fact
    fact = replace(fact, decimals=min(fact.decimals, 1)) if fact.scale > 1 else fact
    bounds = span(gap.low, gap.high, fact)
    return say("<b>{}</b>, worse by {}", described(verdict), (
        f"{number(gap.value, fact)} {fact.difference_unit}".strip()
        + (f" ({bounds})" if bounds else "")))


def few_speakers(groups: Groups) -> Markup:
    """That groups are small, where they are."""
    if not any(groups.speakers.values()):
        return say("The corpus names no speakers: it cannot be known whether a difference between "
                   "groups comes from a single speaker.")
    few = sum(n < FEW_SPEAKERS for n in groups.speakers.values())
    if not few:
        return Markup()
    share = "Every group has" if few == len(groups.speakers) else (
        f"{few} of {len(groups.speakers)} groups {'has' if few == 1 else 'have'}")
    return say(f"{share} fewer than {FEW_SPEAKERS} speakers: read the intervals before the "
               "order.")


def what_failed(failures: Sequence[Failure]) -> Markup:
    """What has no value most often, and why."""
    if not failures:
        return Markup()
    worst = max(failures, key=lambda failure: failure.n)
    others = len(failures) - 1
    more = f"; {count(others, 'other kind')} of failure beside it" if others else ""
    return (say('<strong class="alarm">{} of {} failed</strong>: {} with {}', f"{worst.n:,}",
                f"{worst.of:,}", ", ".join(worst.metrics), worst.pipeline)
            + _under(worst.condition) + say(
                " ({})" + more + '. <a href="#left-out">What failed</a> enters no average.',
                worst.why))


def what_was_left_out(missing: Sequence[LeftOut], others: Sequence[LeftOut]) -> Markup:
    """How many of every kind are ``missing`` from the numbers, and how many ``others`` take no part
    in something, with a link to where they are named."""
    if not missing and not others:
        return say("Nothing failed, and nothing was left out.")
    parts = [say(lead) + listed([say("{}", many) for many in counted(items)])
             for lead, items in (('<strong class="alarm">Missing from every number</strong>: ',
                                  missing), ("<strong>Left out of some part</strong>: ", others))
             if items]
    return Markup(". ").join(parts) + say('; <a href="#left-out">what, where and why</a>.')
