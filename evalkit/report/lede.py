"""The first sentences of a report, written by rule from its numbers."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from operator import attrgetter

from markupsafe import Markup

from evalkit.core.text import count, with_unit
from evalkit.core.text import p_value as chance
from evalkit.core.types import Fact
from evalkit.report.cohorts import Discovery, sentence_parts
from evalkit.report.groups import METRIC, GroupRow, Groups
from evalkit.report.tables import Headline, Row
from evalkit.report.text import listed, say
from evalkit.store.documents.run import RunRecord

ALPHA = 0.05
FEW_SPEAKERS = 30
"""Below this many speakers a group's rate depends on who happens to be in it."""


def write_lede(info: RunRecord, headline: Headline, groups: Groups | None,
               cohorts: Discovery | None, failed: int) -> list[Markup]:
    """At most five sentences for the top of the page, as markup."""
    sentences = [_what_was_run(info, headline), _best_pipelines(headline)]
    if groups is not None:
        sentences.append(_worst_group(groups, headline.facts[METRIC]))
    sentences += [_what_was_confirmed(cohorts) if cohorts else _few_speakers(groups),
                  _what_failed(failed, info.left_out)]
    return [sentence for sentence in sentences if sentence]


def _what_was_run(info: RunRecord, headline: Headline) -> Markup:
    corpus = info.corpus
    verb = "was" if len(headline.pipelines) == 1 else "were"
    return say(f"{{}} {verb} run on {{}} of {{}} from the corpus <b>{{}}</b>, under {{}}.",
               count(len(headline.pipelines), "pipeline"),
               count(corpus.utterances, "utterance"), count(corpus.speakers, "speaker"),
               corpus.name, count(len(headline.conditions), "condition"))


def _best_pipelines(headline: Headline) -> Markup:
    """Which pipeline is best under each condition; several where they show the same value."""
    metric = _judge(headline)
    if metric is None:
        return Markup()
    fact = headline.facts[metric]
    winners: dict[tuple[str, ...], list[Markup]] = {}
    for condition in headline.conditions:
        shown = {row.pipeline: with_unit(row.value, fact)
                 for row in _from_best(headline, metric) if row.condition == condition}
        best = next(iter(shown.values()), None)
        names = tuple(name for name, value in shown.items() if value == best)
        if names:
            winners.setdefault(names, []).append(say("{} under {}", best, condition))
    parts = [Markup("with ") + listed([say("<b>{}</b>", name) for name in names]) + ": "
             + listed(where) for names, where in winners.items()]
    title = fact.named(metric)
    if len(headline.pipelines) == 1:
        return say("{} is ", title) + listed([p for where in winners.values() for p in where]) + "."
    lead = "is highest" if fact.higher_is_better else "is lowest"
    return say(f"{{}} {lead} ", title) + Markup("; ").join(parts) + "."


def _judge(headline: Headline) -> str | None:
    """The metric that pipelines are compared by: word error rate, or else the first that has a
    better side and a value."""
    known = {row.metric for row in headline.rows if not row.undefined}
    judged = [name for name in headline.main_metrics
              if name in known and headline.facts[name].higher_is_better is not None]
    return METRIC if METRIC in judged else next(iter(judged), None)


def _from_best(headline: Headline, metric: str) -> list[Row]:
    rows = [row for row in headline.of(metric).values() if not row.undefined]
    return sorted(rows, key=attrgetter("value"),
                  reverse=bool(headline.facts[metric].higher_is_better))


def _worst_group(groups: Groups, fact: Fact) -> Markup:
    """The group that most often has the highest rate, where its gap to the lowest is widest,
    and whether it differs there from the others. Groups too small to compare have no part;
    every pipeline and condition in which two groups can be compared is looked at."""
    rows = [row for row in groups.rows if not row.undefined and row.large_enough]
    value = attrgetter("value")
    cells = [list(cell) for _, cell in groupby(rows, attrgetter("pipeline", "condition"))]
    ends = [(max(cell, key=value), min(cell, key=value)) for cell in cells]
    ends = [(high, low) for high, low in ends if high.value > low.value]
    if not ends:
        return Markup()
    worst = Counter(high.group for high, _ in ends).most_common(1)[0][0]
    own = [(high, low) for high, low in ends if high.group == worst]
    high, low = max(own, key=lambda pair: pair[0].value - pair[1].value)
    where = ("" if len(ends) == 1 else
             f" in {len(own)} of {len(ends)} combinations of pipeline and condition")
    return say(f"By {{}}, <b>{{}}</b> fares worst{where}, by most with {{}} under {{}}: a word "
               "error rate of <b>{}</b> ({}) against {} for {} ({}), which {}.",
               groups.column, worst, high.pipeline, high.condition,
               with_unit(high.value, fact), count(high.n_speakers or 0, "speaker"),
               with_unit(low.value, fact), low.group, count(low.n_speakers or 0, "speaker"),
               _beyond_chance(high))


def _beyond_chance(row: GroupRow) -> str:
    """Whether a group differs from all others together by more than chance."""
    gap = row.compared and row.compared.gap
    if not gap:
        return "was not tested"
    verdict = ("is more than chance would give" if gap.p_adjusted < ALPHA else "may be chance")
    return f"{verdict} (against all others, p adjusted for the number of groups: " \
           f"{chance(gap.p_adjusted)})"


def _what_was_confirmed(found: Discovery) -> Markup:
    """Of the cohorts that finders discovered, how many held on fresh speakers, and the worst."""
    fact = found.findings.fact
    about = fact.named(found.findings.metric).lower()
    if not found.confirmed:
        return say("Discovery on half of the speakers found {} that could be tested on the other "
                   "half, and none was confirmed there.", count(found.tested, "cohort"))
    name, gap, low, high = sentence_parts(found)
    unit = fact.difference_unit
    return say("Of {} that were discovered on half of the speakers and tested on the other half, "
               "{}: worst <b>{}</b>, there by {} in {} (95 % interval {} to {}).",
               count(found.tested, "cohort"),
               f"{len(found.confirmed)} {'was' if len(found.confirmed) == 1 else 'were'} confirmed",
               name, f"{gap} {unit}".strip(), about, low, high)


def _few_speakers(groups: Groups | None) -> Markup:
    if groups is None:
        return Markup()
    if not any(groups.speakers.values()):
        return say("The corpus does not say who speaks: one odd speaker cannot be told from an "
                   "odd group here.")
    few = sum(n < FEW_SPEAKERS for n in groups.speakers.values())
    if not few:
        return Markup()
    share = "Every group has" if few == len(groups.speakers) else (
        f"{few} of {len(groups.speakers)} groups {'has' if few == 1 else 'have'}")
    return say(f"{share} fewer than {FEW_SPEAKERS} speakers: read the intervals before the "
               "order.")


def _what_failed(failed: int, left_out: list[str]) -> Markup:
    if not failed and not left_out:
        return say("Nothing failed, and nothing was left out.")
    sentence = Markup()
    if failed:
        sentence += say('<strong class="alarm">{} failed</strong>: they are counted beside the '
                        "values and averaged into none. ", count(failed, "measurement"))
    if left_out:
        sentence += say('<strong class="alarm">Lines of the manifest were left out</strong>; '
                        "they are named at the end.")
    return sentence
