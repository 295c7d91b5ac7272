"""The report as JSON, and the JSON Schema that it follows."""

import inspect

import msgspec

from udib.core.findings import REPORT_SCHEMA, Report

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render_json(report: Report) -> bytes:
    """The whole report, UTF-8, indented by two, keys in the order of the schema."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def report_schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of `render_json`'s documents."""
    (reference,), definitions = msgspec.json.schema_components([Report], ref_template="#/$defs/{name}")
    definitions["Report"]["properties"]["schema"] = {"const": REPORT_SCHEMA}
    for definition in definitions.values():
        if "description" in definition:  # docstrings lose their indentation from Python 3.13 on
            definition["description"] = inspect.cleandoc(definition["description"])
    return {
        "$schema": _DIALECT,
        "$id": "urn:udib:report:1",
        "title": f"{REPORT_SCHEMA}: all findings on one item",
        **reference,
        "$defs": dict(sorted(definitions.items())),
    }


def render_schema() -> bytes:
    """The schema as the file that is published in `docs/`."""
    return msgspec.json.format(msgspec.json.encode(report_schema()), indent=2) + b"\n"
