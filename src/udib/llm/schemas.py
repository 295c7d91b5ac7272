"""JSON schemas of answers, in the form that models are held to most strictly."""

from collections.abc import Mapping
from typing import Any, Final

_OF_SCHEMAS: Final = ("properties", "$defs", "definitions")
"""Keywords whose value names schemas."""
_WITH_SCHEMAS: Final = ("anyOf", "allOf", "oneOf", "prefixItems")
"""Keywords whose value lists schemas."""
_OF_PYTHON: Final = frozenset({"default", "title", "discriminator"})
"""Keywords that bind no answer and that strict endpoints refuse."""


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema whose objects have all their properties and no others, as OpenAI's strict mode asks for.

    An object whose property names are free (a mapping) stays as it is. A root that is a reference is put in its place,
    because a root must be an object. What the schema accepts is accepted by the given one too.
    """
    made = _closed(schema)
    name = str(made.get("$ref", "")).removeprefix("#/$defs/")
    return {**made["$defs"][name], "$defs": made["$defs"]} if name else made


def is_closed(schema: Mapping[str, Any]) -> bool:
    """Whether each object of a schema has all its properties and no others."""
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
            return False
    return all(is_closed(each) for each in _inner(schema))


def _closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for word, value in schema.items():
        if word in _OF_SCHEMAS:
            made[word] = {name: _closed(each) for name, each in value.items()}
        elif word in _WITH_SCHEMAS:
            made[word] = [_closed(each) for each in value]
        elif isinstance(value, Mapping) and word not in _OF_PYTHON:
            made[word] = _closed(value)
        elif word not in _OF_PYTHON:
            made[word] = value
    if "properties" in made and not made.get("additionalProperties"):
        made |= {"required": list(made["properties"]), "additionalProperties": False}
    return made


def _inner(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = [
        value for word, value in schema.items() if isinstance(value, Mapping) and word not in _OF_SCHEMAS
    ]
    for word in _OF_SCHEMAS:
        found += schema.get(word, {}).values()
    for word in _WITH_SCHEMAS:
        found += schema.get(word, ())
    return [each for each in found if isinstance(each, Mapping)]
