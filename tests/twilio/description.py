"""Twilio's OpenAPI description, cut to what is used here: `description.json` is what `cut` makes of the whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VENDORED = Path(__file__).with_name("description.json")
WHOLE = Path(__file__).parents[3] / "shared" / "twilio" / "twilio_api_v2010.messages-calls.json"
"""Where the whole description lies beside the repository; not on every machine."""
_PROSE = ("description", "examples", "example", "x-twilio", "tags", "externalDocs")


def cut(whole: dict[str, Any]) -> dict[str, Any]:
    """Return a description without prose and examples."""
    kept: dict[str, Any] = _without_prose({name: whole[name] for name in ("openapi", "info", "paths", "components")})
    kept["info"] = {name: whole["info"][name] for name in ("title", "version", "license")}
    return kept


def _without_prose(node: Any, *, names: bool = False) -> Any:
    """Drop the prose; `names` is whether the keys of `node` are names of fields, which are all kept."""
    if isinstance(node, list):
        return [_without_prose(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_prose(value, names=key == "properties" and not names)
        for key, value in node.items()
        if names or key not in _PROSE or (key == "description" and _is_response(node))
    }


def _is_response(node: dict[str, Any]) -> bool:
    """Say whether this may be a response, whose description OpenAPI wants."""
    return set(node) <= {"description", "headers", "content"}


if __name__ == "__main__":
    VENDORED.write_text(json.dumps(cut(json.loads(WHOLE.read_text())), indent=1, ensure_ascii=False) + "\n")
