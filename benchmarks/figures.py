"""A measured figure, held against the target that `targets.yaml` sets, and the file that keeps the results."""

import json
import operator
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import yaml

HERE = Path(__file__).parent
_VERSIONS = ("udib", "numpy", "qdrant-edge-py", "qdrant-client", "cyclopts", "rich", "av")
_COMPARE: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge, ">": operator.gt}


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value. `ok` is computed from value and target; a figure without a target is for information."""

    name: str
    value: float
    unit: str
    target: str | None
    ok: bool
    against: str


def load_targets(subject: str) -> dict[str, str]:
    """Name -> target such as "<= 3" of one subject."""
    loaded = yaml.safe_load((HERE / "targets.yaml").read_text(encoding="utf-8"))
    return {str(name): str(target) for name, target in loaded.get(subject, {}).items()}


def judge(subject: str, measured: Sequence[tuple[str, float, str, str]]) -> list[Figure]:
    """Hold (name, value, unit, against) up to the subject's targets; a target that was not measured is short."""
    targets = load_targets(subject)
    figures = []
    for name, value, unit, against in measured:
        target = targets.pop(name, None)
        figures.append(Figure(name, round(value, 4), unit, target, target is None or _meets(value, target), against))
    figures += [Figure(name, -1.0, "", target, False, "not measured") for name, target in targets.items()]  # noqa: FBT003
    return figures


def publish(subject: str, figures: Sequence[Figure], command: str) -> Path:
    """Print the table and write the results file."""
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        state = "" if figure.target is None else ("ok" if figure.ok else "SHORT")
        value = f"{figure.value:>12g} {figure.unit:<12}"
        print(f"{figure.name:<{width}} {value} {figure.target or '':<10} {state:<6} {figure.against}")
    path = HERE / "results" / f"{subject}.json"
    path.parent.mkdir(exist_ok=True)
    document = {
        "subject": subject,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _VERSIONS},
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "figures": [asdict(figure) for figure in figures],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"written: {path.relative_to(HERE.parent)}", file=sys.stderr)
    return path


def _meets(value: float, target: str) -> bool:
    sign, number = target.split()
    return _COMPARE[sign](value, float(number))
