"""``gates.yaml``: what a candidate must not do worse than the base."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

from evalkit.compare.scopes import Scope, parse_scope
from evalkit.core.checked import checked
from evalkit.core.strict import Strict
from evalkit.core.yaml_files import read_yaml
from evalkit.store.documents.baseline import Key
from evalkit.store.documents.comparison import GateTerms, Terms


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


class Gates(Strict):
    """The whole of ``gates.yaml``. ``level`` is the chance that any gate fails on a candidate
    that differs from the base by noise alone."""

    gates: list[Gate] = Field(min_length=1)
    level: float = Field(0.05, gt=0, lt=0.5)

    def columns_of(self, strangers: Collection[str] = ()) -> list[str]:
        """The columns that the scopes name, without those of gates on the corpora
        ``strangers``."""
        return list(dict.fromkeys(
            g.scope.column for g in self.gates if g.scope.column
            and (g.condition or "").partition("/")[0] not in strangers))


def read_gates(path: Path) -> Gates:
    """Reads gates.yaml. Raises ConfigError naming the file and the first key that is wrong."""
    return checked(Gates, read_yaml(path), path)


def usual_gates(metrics: Iterable[str]) -> Gates:
    """One gate without tolerance on the whole of every metric; no gate where there is none."""
    return Gates.model_construct(gates=[Gate(metric=metric) for metric in metrics])
