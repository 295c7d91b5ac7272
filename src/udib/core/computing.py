"""Work that holds the interpreter, one piece at a time.

Python runs one thread at a time, so that two that compute are no quicker than one after the other, but each of them
makes the event loop wait for its turn: with six of them it is late by six turns. So they share one thread.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_ONE: Final = ThreadPoolExecutor(1, thread_name_prefix="udib-computing")


async def computed(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` gives, computed off the event loop when it is its turn. It must not wait for anything itself."""
    call = partial(contextvars.copy_context().run, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_ONE, call)
