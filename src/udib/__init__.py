"""udib: what was said, which claims hold up, who contradicted themselves, each with a link to the second.

async with udib.open_app() as app:
    result = await app.pipeline.process_video("talk.mp4")
    report = result.unwrap()
"""

# `udib.app.start` sets its signal handlers once this module is there: until then Ctrl-C is a traceback, so nothing is
# imported here that takes time. Type checkers take this name for true, as they do that of `typing`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from udib.app.bootstrap import open_app
    from udib.core.result import StepResult
    from udib.core.version import __version__
    from udib.pipeline.orchestrator import ContentPipeline

__all__ = ["ContentPipeline", "StepResult", "__version__", "open_app"]


def __getattr__(name: str) -> "Any":  # noqa: ANN401 - the module protocol (PEP 562)
    """Load the front door when it is used, so that `import udib` is quick."""
    match name:
        case "open_app":
            from udib.app.bootstrap import open_app

            return open_app
        case "ContentPipeline":
            from udib.pipeline.orchestrator import ContentPipeline

            return ContentPipeline
        case "StepResult":
            from udib.core.result import StepResult

            return StepResult
        case "__version__":
            from udib.core.version import __version__

            return __version__
        case _:
            raise AttributeError(f"module 'udib' has no attribute {name!r}")
