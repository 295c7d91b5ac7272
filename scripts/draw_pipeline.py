"""Draw the pipeline's levels, as they stand in the code, into docs/architecture/pipeline_architecture.md.

`python scripts/draw_pipeline.py` rewrites the diagram between its markers; `--check` exits with 1 if it is out of date.
A level is what one `asyncio.TaskGroup` of `ContentPipeline` or `ModelStages` runs, or a single awaited step.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = [ROOT / "src/udib/pipeline/orchestrator.py", ROOT / "src/udib/pipeline/by_model.py"]
PAGE = ROOT / "docs/architecture/pipeline_architecture.md"
BEGIN, END = "<!-- levels: drawn by scripts/draw_pipeline.py -->", "<!-- end of levels -->"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def levels() -> list[list[str]]:
    """The stages of each level, top to bottom; "resolve" comes before the journal and stands first."""
    classes = [node for path in CODE for node in ast.parse(path.read_text(encoding="utf-8")).body]
    named = [
        node for node in classes if isinstance(node, ast.ClassDef) and node.name in {"ContentPipeline", "ModelStages"}
    ]
    methods = {node.name: node for each in named for node in each.body if isinstance(node, Function)}
    return [["resolve"], *_levels_of(methods["_run_pipeline"], methods)]


def diagram() -> str:
    """The levels as a Mermaid flowchart."""
    lines = ["```mermaid", "flowchart TD"]
    above: list[str] = []
    for level in levels():
        names = [_node(stage) for stage in level]
        lines += [f"    {name}[{stage}]" for name, stage in zip(names, level, strict=True)]
        if above:
            lines.append(f"    {' & '.join(above)} --> {' & '.join(names)}")
        above = names
    return "\n".join([*lines, "```"])


def page() -> str:
    """The page with today's diagram."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{diagram()}\n{END}{rest.split(END)[1]}"


def _levels_of(function: Function, methods: dict[str, Function]) -> Iterator[list[str]]:
    names = {
        target.id: stage
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and (stage := _stage(node.value)) is not None
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for statement in function.body:
        if isinstance(statement, ast.AsyncWith) and "TaskGroup" in ast.unparse(statement.items[0]):
            yield _steps(statement, names)
            continue
        yield from ([step] for step in _steps(statement, names))
        for call in (node for node in ast.walk(statement) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Attribute) and call.func.attr in {
                "_conclude",
                "_analyse",
                "asked",
                "_announce",
            }:
                yield from _levels_of(methods[call.func.attr], methods)


def _steps(node: ast.AST, names: dict[str, str]) -> list[str]:
    found = []
    for call in (each for each in ast.walk(node) if isinstance(each, ast.Call)):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "step":
            first = call.args[0]
            found.append(names[first.id] if isinstance(first, ast.Name) else _stage(first) or "?")
    return found


def _stage(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Stage":
        name = node.args[0]
        return str(name.value) if isinstance(name, ast.Constant) else None
    return None


def _node(stage: str) -> str:
    return stage.replace("-", "_")


def main() -> int:
    """Rewrite the page, or check it."""
    new = page()
    if "--check" in sys.argv[1:]:
        return int(new != PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
