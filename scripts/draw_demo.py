"""Draw docs/images/demo.svg: what `make demo` prints, as a terminal shows it, up to the claims and contradictions.

`python scripts/draw_demo.py` runs the real pipeline on the example in a data directory of its own.
"""

import asyncio
import io
import re
import tempfile
from pathlib import Path

from rich.console import Console
from rich.segment import Segments

from udib.app.bootstrap import open_app
from udib.app.present import report_text
from udib.app.settings import load_settings
from udib.core.findings import Report

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples/rent-control/debate"
WIDTH, LINES = 100, 62


async def analysed(folder: Path) -> Report:
    """The report on the example."""
    async with open_app(load_settings(data_dir=folder)) as app:
        captions = str(EXAMPLE.with_suffix(".vtt"))
        result = await app.pipeline.process_video(str(EXAMPLE.with_suffix(".opus")), captions=captions)
        return result.unwrap()


def main() -> None:
    """Run, render, cut, draw."""
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(analysed(Path(folder)))
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    lines = console.render_lines(report_text(report), new_lines=True)[:LINES]
    console.print(Segments([segment for line in lines for segment in line]), end="")
    drawn = console.export_svg(title="make demo", unique_id="demo")
    # The picture must not fetch anything, not even a font: the reader's own monospace serves.
    drawn = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")
    (ROOT / "docs/images/demo.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
