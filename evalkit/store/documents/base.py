"""What every document is: a typed tree with a schema number, written and read in one place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from evalkit.core.errors import RunError, one_line
from evalkit.core.files import regular, replacing
from evalkit.core.mistakes import explained
from evalkit.core.names import instead

GZIP = b"\x1f\x8b"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Part(BaseModel):
    """A part of a document. Its keys are its fields, no more and no fewer."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Document(Part):
    """A JSON file with a schema number.

    ``schema_number`` is raised by a change that an older reader would misread; ``made_by`` says
    which command writes the file; ``indent`` is None where it should be small."""

    schema_number: ClassVar[int]
    made_by: ClassVar[str]
    indent: ClassVar[int | None] = 2

    def to_dict(self) -> dict[str, Any]:
        """The document in JSON's types; an undefined number is None."""
        return {"schema": self.schema_number} | self.model_dump(mode="json")

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """What a file of this document holds, in JSON Schema (draft 2020-12)."""
        tree = cls.model_json_schema(mode="serialization")
        properties = {"schema": {"const": cls.schema_number}, **tree.pop("properties")}
        return {"$schema": DIALECT, **tree, "properties": properties,
                "required": ["schema", *tree["required"]]}

    def to_json(self) -> str:
        """JSON, indented where it is to be read."""
        separators = (",", ": " if self.indent else ":")
        return json.dumps(self.to_dict(), indent=self.indent, separators=separators,
                          ensure_ascii=False, allow_nan=False) + "\n"

    def write(self, path: Path) -> None:
        """Writes the document under a temporary name and renames it; compressed where the name
        ends in .gz. The same document gives the same bytes."""
        data = self.to_json().encode()
        with replacing(path) as temporary:
            temporary.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The document in ``path``. Raises RunError in one line, saying what to run, where there
        is none, or one of another schema, or one that is damaged."""
        return cls.of_tree(json_object(path, cls.made_by), path)

    @classmethod
    def of_tree(cls, tree: dict[str, Any], path: Path) -> Self:
        """The document that the JSON object in ``path`` is. Raises RunError as ``read`` does."""
        number = tree.pop("schema", None)
        if number != cls.schema_number:
            written = "has no schema number" if number is None else f"schema {number!r}"
            raise RunError(f"{path}: {written}, this evalkit reads {cls.schema_number}; "
                           f"make it again with `{cls.made_by}`")
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            raise RunError(f"{path}: {explained(error, cls, tree)}; the file is damaged: make it "
                           f"again with `{cls.made_by}`") from error


def json_object(path: Path, made_by: str) -> dict[str, Any]:
    """What is in ``path``, gzipped or not. Raises RunError, naming the command ``made_by`` which it
    is, for a file that cannot be read or is no JSON object."""
    try:
        data = regular(path).read_bytes()
        tree = json.loads(gzip.decompress(data) if data.startswith(GZIP) else data)
    except (OSError, EOFError, ValueError, RecursionError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or one_line(error)
        raise RunError(f"{path}: cannot be read ({reason}); `{made_by}` makes it"
                       f"{instead(path.parent)}") from error
    if not isinstance(tree, dict):
        raise RunError(f"{path}: is not a JSON object; `{made_by}` makes it")
    return tree
