"""Whether a text is JSON of a schema, by the keywords that models are given.

Not looked at: patterns, formats, and what binds several parts of a document together. An answer that breaks only those
passes here; whoever asked for it parses it in full.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

_DEEPEST: Final = 64

_TYPES: Final[Mapping[object, tuple[type, ...]]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}

Schema = Mapping[str, Any]


def fits(text: str, schema: Schema) -> bool:
    """Whether a text is one JSON document that has the schema. Source: JSON Schema, draft 2020-12."""
    try:
        return _fits(json.loads(text, parse_constant=_refuse), schema, schema, _DEEPEST)
    except (ValueError, RecursionError, TypeError):  # the last for a schema that is none
        return False


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _fits(value: object, schema: object, root: Schema, depth: int) -> bool:
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, Mapping) or not depth:
        return False
    inner: _Inner = lambda part, of: _fits(part, of, root, depth - 1)  # noqa: E731 - carries the root and the depth
    if "$ref" in schema and not inner(value, _target(schema["$ref"], root)):
        return False
    return all(check(value, schema) for check in _PLAIN) and all(check(value, schema, inner) for check in _NESTED)


_Inner = Callable[[object, object], bool]


def _target(reference: object, root: Schema) -> object:
    """What a reference within the schema means; False, which nothing fits, if there is no such part."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return False
    found: object = root
    for part in reference[1:].split("/")[1:]:
        if not isinstance(found, Mapping):
            return False
        found = found.get(part.replace("~1", "/").replace("~0", "~"), False)
    return found


def _type(value: object, schema: Schema) -> bool:
    wanted = schema.get("type")
    names = [wanted] if isinstance(wanted, str) else wanted
    return names is None or any(_is(value, name) for name in names)


def _is(value: object, name: object) -> bool:
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    # In JSON, true is no number.
    return isinstance(value, _TYPES.get(name, ())) and isinstance(value, bool) <= (name == "boolean")


def _choice(value: object, schema: Schema) -> bool:
    listed = "enum" not in schema or any(_same(value, each) for each in schema["enum"])
    return listed and ("const" not in schema or _same(value, schema["const"]))


def _same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(each, other[name]) for name, each in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _size(value: object, schema: Schema) -> bool:
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, str):
        return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)))
    if isinstance(value, list):
        return bool(schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)))
    if isinstance(value, int | float):
        above = "exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"]
        below = "exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"]
        return above and below and bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def _object(value: object, schema: Schema, inner: _Inner) -> bool:
    if not isinstance(value, dict):
        return True
    known = schema.get("properties", {})
    rest = schema.get("additionalProperties", True)
    return all(name in value for name in schema.get("required", ())) and all(
        inner(each, known.get(name, rest)) for name, each in value.items()
    )


def _array(value: object, schema: Schema, inner: _Inner) -> bool:
    if not isinstance(value, list):
        return True
    first = schema.get("prefixItems", ())
    rest = schema.get("items", True)
    return all(inner(each, first[place] if place < len(first) else rest) for place, each in enumerate(value))


def _branches(value: object, schema: Schema, inner: _Inner) -> bool:
    return (
        all(inner(value, each) for each in schema.get("allOf", ()))
        and ("anyOf" not in schema or any(inner(value, each) for each in schema["anyOf"]))
        and ("oneOf" not in schema or sum(inner(value, each) for each in schema["oneOf"]) == 1)
        and not ("not" in schema and inner(value, schema["not"]))
    )


_PLAIN: Final = (_type, _choice, _size)
_NESTED: Final = (_object, _array, _branches)
