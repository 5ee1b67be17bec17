"""The forms in which a run's evidence is handed on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from evalkit.core.errors import ConfigError
from evalkit.core.files import write
from evalkit.core.names import offer
from evalkit.exports.annex_iv import technical_documentation
from evalkit.exports.card import model_card
from evalkit.exports.cyclonedx import bill_of_materials
from evalkit.exports.evidence import Asked, Evidence, evidence
from evalkit.exports.publication import Publication, published

FORMS: Mapping[str, Callable[[Evidence], str]] = {
    "markdown": model_card, "cyclonedx": bill_of_materials, "annex-iv": technical_documentation}


def export_card(asked: Asked, out: Path, form: str, publication: Publication | None = None) -> Path:
    """Writes the file ``out`` in one of FORMS, where there is a ``publication`` without what may
    not be published. Raises ConfigError for a form that there is not, and as ``evidence`` and
    ``published`` do."""
    if form not in FORMS:
        raise ConfigError(f"--format {form}: {offer(form, FORMS)}")
    found = evidence(asked)
    write(out, FORMS[form](published(found, publication) if publication else found))
    return out
