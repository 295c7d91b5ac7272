"""What the engine's jobs are for: the orders that the product takes, and what is done with each."""

from dataclasses import replace
from typing import Final

from udib.core.jobs import Job, Order, Outcome
from udib.core.ports import ProgressSink
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Progress
from udib.pipeline.engine import Work
from udib.pipeline.orchestrator import ContentPipeline
from udib.pipeline.parts import Request

ANALYZE: Final = "analyze"


def analyze_order(
    scope: Scope,
    address: str,
    *,
    quality: str | None = None,
    captions: str | None = None,
    attempts: int = 1,
    priority: int = 0,
) -> Order:
    """An order to analyse an item. Paths must be absolute: another process may do it."""
    payload = {"address": address, "quality": quality, "captions": captions}
    return Order(scope, ANALYZE, payload, attempts=attempts, priority=priority)


def asking_for_winner(order: Order) -> Order:
    """The same order to analyse an item, which also asks who argued better."""
    return replace(order, payload={**order.payload, "winner": "yes"})


def with_chat(order: Order, path: str) -> Order:
    """The same order, with a live chat beside the item. The path must be absolute."""
    return replace(order, payload={**order.payload, "chat": path})


def analyze_with(pipeline: ContentPipeline) -> Work:
    """What does such an order, in the scope that it names. The report is then in the catalogue."""

    async def work(job: Job, tell: ProgressSink) -> Outcome:
        item: ContentId | None = None

        def listen(event: Progress) -> None:
            nonlocal item
            item = event.content_id or item
            tell(event)

        wanted = job.order.payload
        request = Request(
            str(wanted["address"]),
            wanted.get("quality"),
            captions=wanted.get("captions"),
            chat=wanted.get("chat"),
            from_stage=wanted.get("from_stage"),
            winner=wanted.get("winner") is not None,
        )
        scoped = pipeline.in_scope(job.order.scope, priority=job.order.priority)
        result = await scoped.process(request, progress=listen)
        return Outcome(result.status, result.error, item)

    return work
