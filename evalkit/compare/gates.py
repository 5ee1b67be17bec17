"""``gates.yaml``: what a candidate must not do worse than the base."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field, PlainSerializer, PrivateAttr, model_validator

from evalkit.compare.scopes import Scope, parse_scope
from evalkit.core.checked import checked
from evalkit.core.errors import ColumnError, ConfigError
from evalkit.core.strict import Strict
from evalkit.core.yaml_files import read_yaml
from evalkit.store.documents.baseline import Key
from evalkit.store.documents.comparison import GateTerms, OnInconclusive, Terms
from evalkit.store.documents.series import Schedule


class Gate(Terms):
    """One line of ``gates``."""

    scope: Annotated[Scope, BeforeValidator(parse_scope), PlainSerializer(str)] = Scope("overall")

    @property
    def terms(self) -> GateTerms:
        """The gate as a document has it."""
        return GateTerms.model_validate(self.model_dump())

    def __str__(self) -> str:
        return str(self.terms)

    def matches(self, key: Key) -> bool:
        """Whether the gate speaks of a score. Of several corpora, CORPUS/CONDITION, the gate may
        name both, the corpus, or the condition."""
        pipeline, condition, metric = key
        return (metric == self.metric and self.pipeline in {None, pipeline}
                and self.condition in {None, *names_of(condition)})


def names_of(condition: str) -> list[str]:
    """What a condition may be called by."""
    return list(dict.fromkeys([condition, *condition.split("/")]))


LEVEL = 0.05


class SeriesTerms(Strict):
    """How the chance of any false failure is spent over releases; without ``alpha`` it is the
    ``level`` of the gates."""

    alpha: float | None = Field(None, gt=0, lt=0.5)
    first: float = Field(0.5, gt=0, lt=1)
    half: int = Field(20, ge=1)


class Gates(Strict):
    """The whole of ``gates.yaml``. ``level`` is the chance that any gate fails on a candidate
    that is nowhere worse by more than is tolerated, or that all pass on one that is;
    ``on_inconclusive`` is that of the gates that do not say their own; ``series`` says that these
    gates judge one release after the other."""

    gates: list[Gate] = Field(min_length=1)
    level: float = Field(LEVEL, gt=0, lt=0.5)
    on_inconclusive: OnInconclusive = "pass"
    series: SeriesTerms | None = None
    _file: str = PrivateAttr("")

    @property
    def schedule(self) -> Schedule:
        """How a series of releases is judged by these gates, also where they do not say."""
        terms = self.series or SeriesTerms()
        return Schedule(alpha=terms.alpha or self.level, first=terms.first, half=terms.half)

    @model_validator(mode="before")
    @classmethod
    def _said_once(cls, data: Any) -> Any:
        known = isinstance(data, Mapping) and data.get("on_inconclusive") in get_args(
            OnInconclusive)
        if not (known and isinstance(data.get("gates"), list)):
            return data
        said = {"on_inconclusive": data["on_inconclusive"]}
        return {**data, "gates": [said | gate if isinstance(gate, dict) else gate
                                  for gate in data["gates"]]}

    def told(self, gate: Gate) -> str:
        """A gate, after the file that it is in."""
        return f"{self._file}: gate {gate}" if self._file else f"gate {gate}"

    def columns_of(self, strangers: Collection[str] = ()) -> list[str]:
        """The columns that the scopes name, without those of gates on the corpora
        ``strangers``."""
        return list(dict.fromkeys(
            g.scope.column for g in self.gates if g.scope.column
            and (g.condition or "").partition("/")[0] not in strangers))


@contextmanager
def named(gates: Gates | None) -> Iterator[None]:
    """Where a column cannot be grouped by, names the gate that asks for it. Raises ConfigError."""
    try:
        yield
    except ColumnError as error:
        if gates is None:
            raise
        for gate in gates.gates:
            if error.column in {gate.scope.column, *gate.scope.column.split(",")}:
                raise ConfigError(f"{gates.told(gate)}: {error}") from error
        raise


def read_gates(path: Path) -> Gates:
    """Reads gates.yaml. Raises ConfigError naming the file and the first key that is wrong."""
    gates = checked(Gates, read_yaml(path), path)
    gates._file = str(path)
    return gates


def usual_gates(metrics: Iterable[str]) -> Gates:
    """One gate without tolerance on the whole of every metric; no gate where there is none."""
    return Gates.model_construct(gates=[Gate(metric=metric) for metric in metrics])


def usual(metric: str) -> GateTerms:
    """The terms of the gate on a metric where nobody gave gates."""
    return Gate(metric=metric).terms
