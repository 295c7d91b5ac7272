"""Which texts have a schema, held against the library that others use for it."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.llm.schema_check import fits

VERDICT = {
    "type": "object",
    "$defs": {"label": {"enum": ["supported", "refuted"]}},
    "properties": {
        "label": {"$ref": "#/$defs/label"},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "quotes": {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 2},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "line": {"type": "integer", "exclusiveMinimum": 0},
    },
    "required": ["label", "confidence"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "value",
    [
        {"label": "supported", "confidence": 1},
        {"label": "refuted", "confidence": 0.5, "quotes": ["a", "b"], "note": None, "line": 2.0},
        {"label": "other", "confidence": 0.5},
        {"label": "refuted"},
        {"label": "refuted", "confidence": 1.1},
        {"label": "refuted", "confidence": True},
        {"label": "refuted", "confidence": 1, "quotes": [""]},
        {"label": "refuted", "confidence": 1, "quotes": ["a", "b", "c"]},
        {"label": "refuted", "confidence": 1, "note": 3},
        {"label": "refuted", "confidence": 1, "line": 0},
        {"label": "refuted", "confidence": 1, "line": 1.5},
        {"label": "refuted", "confidence": 1, "more": 1},
        [],
        "refuted",
        None,
    ],
)
def test_a_verdict(value: Any) -> None:
    assert fits(json.dumps(value), VERDICT) == jsonschema.Draft202012Validator(VERDICT).is_valid(value)


@pytest.mark.parametrize("text", ["", "{", "{} {}", "NaN", '{"a": Infinity}', "```json\n{}\n```", "[" * 100_000])
def test_what_is_no_json_has_no_schema(text: str) -> None:
    assert not fits(text, {})


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "#"}, {"$ref": "#/none"}, {"$ref": "https://a.example"}, {"$ref": 1}, {"minLength": "x"}, {"type": 1}],
)
def test_nothing_has_a_schema_that_is_none(schema: Any) -> None:
    assert not fits('"text"', schema)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0]) | st.sampled_from(["", "a", "bb"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
names = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
keywords = st.fixed_dictionaries(
    {},
    optional={
        "type": names | st.lists(names, min_size=1, max_size=3, unique=True),
        "enum": st.lists(values, min_size=1, max_size=3),
        "const": values,
        "minimum": st.integers(-2, 2),
        "exclusiveMaximum": st.integers(-2, 2),
        "minLength": st.integers(0, 2),
        "maxItems": st.integers(0, 2),
        "required": st.lists(st.sampled_from("ab"), max_size=2, unique=True),
    },
)
schemas: st.SearchStrategy[dict[str, Any]] = st.recursive(
    keywords,
    lambda inner: st.builds(
        lambda own, more: {**own, **more},
        keywords,
        st.fixed_dictionaries(
            {},
            optional={
                "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
                "additionalProperties": inner | st.booleans(),
                "items": inner,
                "prefixItems": st.lists(inner, min_size=1, max_size=2),
                "anyOf": st.lists(inner, min_size=1, max_size=2),
                "oneOf": st.lists(inner, min_size=1, max_size=2),
                "allOf": st.lists(inner, min_size=1, max_size=2),
                "not": inner,
            },
        ),
    ),
    max_leaves=5,
)


@given(values, schemas)
def test_it_says_what_jsonschema_says(value: Any, schema: dict[str, Any]) -> None:
    assert fits(json.dumps(value), schema) == jsonschema.Draft202012Validator(schema).is_valid(value)
