"""Logging: structlog events, JSON lines on standard error, warnings and worse unless the settings say otherwise."""

import logging
import sys
import warnings

import structlog
from structlog.tracebacks import ExceptionDictTransformer

log = structlog.get_logger()


def configure_logging(level: str) -> None:
    """Send events of `level` ("debug", "info", "warning", "error") and above to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Without the local variables, which hold keys and what was said.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),  # in ASCII, so that no escape of a stranger reaches a terminal
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # whatever it is when the event happens
        cache_logger_on_first_use=False,
    )
    warnings.showwarning = _note_warning


def _note_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object, **__: object
) -> None:
    """What a library warns of is for developers: an event at debug, and nothing on the user's terminal."""
    log.debug("library.warning", category=category.__name__, text=str(message), where=f"{filename}:{lineno}")
