"""``gates.yaml``: what a candidate must not do worse than the base."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, PlainSerializer

from evalkit.core.config import Strict, checked, read_yaml

Kind = Literal["overall", "group", "every", "worst", "gap"]
_WITH_COLUMN: tuple[Kind, ...] = ("every", "worst", "gap")


class Scope(NamedTuple):
    """Of whom a gate speaks. ``column`` and ``group`` are empty where the kind has none."""

    kind: Kind
    column: str = ""
    group: str = ""

    def __str__(self) -> str:
        if self.kind == "group":
            return f"{self.column}={self.group}"
        return f"{self.kind} {self.column}".strip() + (f": {self.group}" if self.group else "")


def parse_scope(text: Any) -> Scope:
    """``overall``, ``accent=Scottish``, ``every accent``, ``worst accent`` or ``gap accent``.
    Raises ValueError saying so for anything else."""
    if isinstance(text, Scope):
        return text
    if text == "overall":
        return Scope("overall")
    kind, _, column = str(text).partition(" ")
    if kind in _WITH_COLUMN and column.strip():
        return Scope(kind, column.strip())
    column, equals, group = str(text).partition("=")
    if equals and column.strip() and group.strip():
        return Scope("group", column.strip(), group.strip())
    raise ValueError(f"{text!r} is no scope; write overall, COLUMN=GROUP, every COLUMN, "
                     "worst COLUMN or gap COLUMN")


class Tolerance(Strict):
    """How much worse is no regression: the larger of ``absolute``, in the metric's unit as it
    is stored (a WER of 5 % is 0.05), and ``relative``, a share of the base's value."""

    absolute: float = Field(0.0, ge=0, allow_inf_nan=False)
    relative: float = Field(0.0, ge=0, allow_inf_nan=False)

    def budget(self, base: float) -> float:
        """In the metric's unit as stored."""
        return max(self.absolute, self.relative * abs(base))


class Gate(Strict):
    """One line of ``gates``, which speaks of every pipeline and condition that it does not
    name. With ``require: certain`` it passes only where the whole interval of the change is
    within the tolerance."""

    metric: str
    scope: Annotated[Scope, BeforeValidator(parse_scope), PlainSerializer(str)] = Scope("overall")
    tolerance: Tolerance = Tolerance()
    require: Literal["no regression", "certain"] = "no regression"
    pipeline: str | None = None
    condition: str | None = None

    def __str__(self) -> str:
        where = [name for name in (self.pipeline, self.condition) if name is not None]
        certain = ["certain"] if self.require == "certain" else []
        return ", ".join([f"{self.metric} {self.scope}", *where, *certain])


class Gates(Strict):
    """The whole of ``gates.yaml``. ``level`` is the chance that any gate fails on a candidate
    that differs from the base by noise alone."""

    gates: list[Gate] = Field(min_length=1)
    level: float = Field(0.05, gt=0, lt=0.5)

    @property
    def columns(self) -> list[str]:
        """The columns that the scopes name."""
        return list(dict.fromkeys(g.scope.column for g in self.gates if g.scope.column))


def read_gates(path: Path) -> Gates:
    """Reads gates.yaml. Raises ConfigError naming the file and the first key that is wrong."""
    return checked(Gates, read_yaml(path), path)


def usual_gates(metrics: Iterable[str]) -> Gates:
    """One gate without tolerance on the whole of every metric; no gate where there is none."""
    return Gates.model_construct(gates=[Gate(metric=metric) for metric in metrics])
