"""A settings file: YAML of names and values, read so that no file can hang, exhaust or surprise the reader."""

import os
import stat
from collections.abc import Hashable
from pathlib import Path
from typing import Any, cast

import yaml

from udib.core.errors import BadRequestError

_MOST_BYTES = 1_000_000


class _Loader(yaml.SafeLoader):
    """Plain values only: without aliases nothing grows when it is read, and no name is given twice."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases, anchors and tags, which settings do not need."""
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None or getattr(event, "tag", None) is not None:
            mark = cast("yaml.Mark", event.start_mark)  # of the Python reader, which this one is
            raise yaml.MarkedYAMLError(problem="&, * and ! are not known in settings", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse names that are no text or are given twice; PyYAML would take the last."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = key.value
            plain = key.tag == "tag:yaml.org,2002:str"
            if not plain or name in seen:
                problem = "a name is given twice" if plain else "a name is no plain text"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def read_config(path: Path) -> dict[str, Any]:
    """The names and values in a file; none if there is no such file.

    Raises:
        BadRequestError: It cannot be read, or holds something else; the sentence names file and line, and no value.
    """
    try:
        loaded = yaml.load(_text(path), _Loader)  # noqa: S506 - it is a SafeLoader
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as exc:
        raise BadRequestError(f"The settings file {path} cannot be read ({_reason(exc)}); correct it.") from exc
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise BadRequestError(f"The settings file {path} must hold names and values.")
    return loaded


def _text(path: Path) -> str:
    # Opening a pipe would wait for its writer.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no regular file")
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES:,} bytes")
    return data.decode("utf-8-sig")


def _reason(error: Exception) -> str:
    """What is wrong, without the line itself, which may hold a secret."""
    match error:
        case yaml.MarkedYAMLError(problem_mark=yaml.Mark() as mark):
            reason = f"line {mark.line + 1}: {error.problem}"
        case UnicodeDecodeError():
            reason = f"it is not UTF-8: byte {error.start + 1}"
        case RecursionError():
            reason = "it is nested too deeply"
        case OSError():
            reason = error.strerror or type(error).__name__
        case yaml.reader.ReaderError():
            reason = f"the character {error.character:#x} is not allowed"
        case _:
            reason = str(error)
    return reason
