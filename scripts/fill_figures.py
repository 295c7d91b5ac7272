"""Put the measured figures into the documents.

Every `<!-- figure: SUBJECT.NAME -->1.23` gets the value in `benchmarks/results/SUBJECT.json`, with as many decimals as
stand there; where that subject has no results, what stands there stays. `--check` only says whether all are current.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MARK = re.compile(r"(<!-- figure: (\w+)\.(\w+) -->)(\d[\d,]*(?:\.\d+)?)")


def measured(subject: str, name: str) -> float | None:
    """One figure of the last run; None: there was none of this subject."""
    path = ROOT / f"benchmarks/results/{subject}.json"
    if not path.exists():
        return None
    results = json.loads(path.read_text(encoding="utf-8"))
    [value] = [figure["value"] for figure in results["figures"] if figure["name"] == name]
    return float(value)


def filled(text: str) -> str:
    """A page with the figures of the last runs."""

    def put(match: re.Match[str]) -> str:
        value = measured(match[2], match[3])
        decimals = len(match[4].partition(".")[2])
        return match[0] if value is None else f"{match[1]}{value:,.{decimals}f}"

    return MARK.sub(put, text)


def pages() -> list[Path]:
    """All documents of the project."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def main() -> int:
    """Rewrite, or check."""
    stale = [page for page in pages() if filled(page.read_text(encoding="utf-8")) != page.read_text(encoding="utf-8")]
    for page in stale:
        if "--check" in sys.argv[1:]:
            print(f"{page.relative_to(ROOT)} has figures that are not the measured ones", file=sys.stderr)
        else:
            page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    return int("--check" in sys.argv[1:] and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
