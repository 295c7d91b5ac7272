"""Resolve `requirements/*.lock` from pyproject.toml: hash-locked, for every supported Python and system, no addresses.

Run it with `make lock`; `uv` must be in the same environment as the interpreter.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "requirements"
NOT_LOCKED = {"fastembed", "sentence-transformers"}
"""Extras that bring gigabytes of numerical libraries: whoever wants one installs it by itself."""


def _compile(name: str, wanted: list[str], *, constraints: list[str]) -> None:
    source = LOCKS / f"{name}.in"
    source.write_text("\n".join(wanted) + "\n", encoding="utf-8")
    command = [
        str(Path(sys.executable).with_name("uv")),
        "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header", "--python-version", "3.11",
        "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--output-file", f"requirements/{name}.lock",
        *(part for other in constraints for part in ("--constraint", f"requirements/{other}.lock")),
        f"requirements/{name}.in",
    ]  # fmt: skip
    subprocess.run(command, check=True, cwd=ROOT)
    source.unlink()


def main() -> None:
    """Write the locks: uv itself, the build, the product, its extras, the developers' tools.

    The last two are resolved on top of the product's versions.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = project["project"]["dependencies"]
    _compile("installer", ["uv>=0.9,<1"], constraints=[])
    _compile("runtime", runtime, constraints=[])
    # Hatchling asks for `editables` when it builds an editable install.
    _compile("build", [*project["build-system"]["requires"], "editables>=0.5,<1"], constraints=["runtime"])
    extras = project["project"]["optional-dependencies"]
    chosen = sorted(each for name, extra in extras.items() if name not in NOT_LOCKED for each in extra)
    _compile("extras", chosen, constraints=["runtime"])
    _compile("dev", project["dependency-groups"]["dev"], constraints=["runtime", "build", "extras"])


if __name__ == "__main__":
    main()
