"""What a release manager may conclude."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.mitigation.recognition.outcomes import ArmOutcome, RegionOutcome
from evalkit.statistics.bootstrap import Interval


def conclude(arm: ArmOutcome | None, targets: Sequence[str]) -> str:
    """What test says of the ``arm`` that dev recommended: its effect on the targets, overall and
    on every other region."""
    if arm is None:
        return ("On development speakers no arm served the worst region better without costing "
                "something overall: none of them is fit for release.")
    strength = f" (strength {arm.strength:g})" if arm.strength else ""
    outcomes = {outcome.region: outcome for outcome in arm.regions}
    overall = outcomes.pop("all")
    changes = "; ".join(f"{name} {_change(outcomes.pop(name))}" for name in targets)
    hurt = [name for name, outcome in outcomes.items() if outcome.difference.low > 0]
    price = f"is worse for {', '.join(hurt)}" if hurt else "no other region is shown to be worse"
    return (f"{arm.arm}{strength}, on test speakers that nothing was fitted to: {changes}; "
            f"overall {_change(overall)}; {price}.")


def _change(outcome: RegionOutcome) -> str:
    """Such as "32.1 % to 20.7 % (-11.4 points, 95 % interval -15.0 to -8.1)"."""
    after, difference = outcome.rate.value, outcome.difference
    points = "no change" if not difference.value else (
        f"{100 * difference.value:+.1f} points, {_interval(difference)}")
    return f"{after - difference.value:.1%} to {after:.1%} ({points})"


def _interval(difference: Interval) -> str:
    if not difference.low <= difference.high:
        return "no interval"
    sure = "" if difference.low > 0 or difference.high < 0 else ", not shown to be a change"
    return f"95 % interval {100 * difference.low:+.1f} to {100 * difference.high:+.1f}{sure}"
