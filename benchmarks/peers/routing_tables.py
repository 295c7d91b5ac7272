"""Routing tables for NumPy: `python -m benchmarks.peers.routing_tables FOLDER OUT` needs pyarrow and numpy.

A row of a table is a prompt; `q|MODEL` is how good that model's answer was, from 0 to 1, `c|MODEL` what it cost in
dollars. Rows with a missing value are left out.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.peers.data import say


def main() -> None:
    """Convert every table of the folder."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    sizes = {path.stem: _convert(path, out / f"{path.stem}.npz") for path in sorted(folder.glob("*.parquet"))}
    say(rows=sizes)


def _convert(path: Path, out: Path) -> int:
    table = pq.read_table(path)
    models = [name[2:] for name in table.column_names if name.startswith("q|")]
    quality, cost = (
        np.array([table[f"{kind}|{model}"].to_numpy() for model in models], dtype=np.float64).T for kind in "qc"
    )
    whole = np.isfinite(quality).all(axis=1) & np.isfinite(cost).all(axis=1)
    source, prompt = (np.array([str(each) for each in table[name].to_pylist()])[whole] for name in ("source", "prompt"))
    np.savez(out, quality=quality[whole], cost=cost[whole], models=np.array(models), source=source, prompt=prompt)
    return int(whole.sum())


if __name__ == "__main__":
    main()
