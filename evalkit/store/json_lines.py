"""One JSON object a line, as other tools write it."""

from __future__ import annotations

import json
from typing import Any


def json_object(line: str) -> dict[str, Any]:
    """The object on a line. Raises ValueError where there is none."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        raise ValueError("is not JSON: a number of too many digits") from error
    except RecursionError as error:
        raise ValueError("is not JSON: nested too deep") from error
    if not isinstance(row, dict):
        raise ValueError("is not a JSON object; write one object a line")
    return row
