"""The conclusion of an experiment in one sentence, for who decides on a release."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.core.types import Interval
from evalkit.store.documents.mitigation import RecognitionArmResult, RegionResult


def conclude(arm: RecognitionArmResult | None, targets: Sequence[str]) -> str:
    """What test says of the ``arm`` that dev recommended: its effect on the targets, overall and
    on every other region."""
    if arm is None:
        return ("On development speakers no arm lowered the error rate of the worst region "
                "without raising the overall error rate: none of them is fit for release.")
    strength = f" (strength {arm.strength:g})" if arm.strength else ""
    regions = {result.region: result for result in arm.regions}
    overall = regions.pop("all")
    changes = "; ".join(f"{name} {_change(regions.pop(name))}" for name in targets)
    worse = [name for name, result in regions.items() if result.difference.low > 0]
    others = (f"is worse for {', '.join(worse)}" if worse
              else "no other region is shown to be worse")
    return (f"{arm.arm}{strength}, on test speakers that nothing was fitted to: {changes}; "
            f"overall {_change(overall)}; {others}.")


def _change(result: RegionResult) -> str:
    """Such as "32.1 % to 20.7 % (-11.4 points, 95 % interval -15.0 to -8.1)"."""
    after, difference = result.rate.value, result.difference
    points = "no change" if not difference.value else (
        f"{100 * difference.value:+.1f} points, {_interval(difference)}")
    return f"{after - difference.value:.1%} to {after:.1%} ({points})"


def _interval(difference: Interval) -> str:
    if not difference.low <= difference.high:
        return "no interval"
    excludes_zero = difference.low > 0 or difference.high < 0
    doubt = "" if excludes_zero else ", not shown to be a change"
    return f"95 % interval {100 * difference.low:+.1f} to {100 * difference.high:+.1f}{doubt}"
