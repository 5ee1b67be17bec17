"""Which corpus a run is of: a manifest, or a folder or file in another layout and its reader."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_serializer, model_validator

from evalkit.core.mistakes import unknown_key
from evalkit.core.plugins import path_options
from evalkit.core.strict import Strict


class CorpusConfig(Strict):
    """A manifest, or, by the ``reader`` that knows its layout, a corpus as it was published:
    ``{reader: common_voice, path: cv/de}``, with the reader's own options beside them."""

    path: Path
    reader: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    name: str | None = None
    """Among the corpora of a configuration; that of its folder where it is the only one."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str | Path):
            return {"path": value}
        if isinstance(value, Mapping) and "options" not in value:
            own = {key: item for key, item in value.items() if key in ("path", "reader")}
            return own | {"options": {key: item for key, item in value.items() if key not in own}}
        return value

    @model_validator(mode="after")
    def _a_manifest_has_no_options(self) -> CorpusConfig:
        if self.options and self.reader is None:
            raise ValueError(f"{unknown_key(str(next(iter(self.options))), ['path', 'reader'])}; a "
                             "reader has further options")
        return self

    @model_serializer
    def _as_written(self) -> Any:
        if self.reader is None and self.name is None:
            return str(self.path)
        named = {} if self.name is None else {"name": self.name}
        return {**named, "reader": self.reader, "path": str(self.path), "options": self.options}

    @property
    def root(self) -> Path:
        """The folder that its recordings are in."""
        return self.path if self.reader and self.path.is_dir() else self.path.parent

    def located(self, folder: Path) -> CorpusConfig:
        """With its paths, those of the reader's options too, taken from ``folder``. Raises
        PluginError for a reader that there is not."""
        paths = path_options("corpora", self.reader) if self.reader else ()
        given = {key: str(folder / value) for key, value in self.options.items()
                 if key in paths and isinstance(value, str)}
        return self.model_copy(update={"path": folder / self.path,
                                       "options": self.options | given})
