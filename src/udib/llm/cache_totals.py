"""What the cache saved over all processes and restarts, by tenant, task and model: counters in the store."""

from typing import Final

import msgspec

from udib.core.ports import KeyValueStore
from udib.llm.cache_metrics import CacheMetrics, Label

_LABELS: Final = "labels"
_MOST_LABELS: Final = 1000
_MICRO: Final = 1_000_000
_IN_OTHER_WORDS: Final = ("compared", "reworded", "checked", "checked_wrong")


class CacheTotals:
    """Counters that every process adds to.

    Args:
        store: Where they are.
    """

    def __init__(self, store: KeyValueStore) -> None:
        self._store = store

    async def add(self, label: Label, more: CacheMetrics) -> None:
        """Add to a label's counters. Labels beyond a tenant's first thousand are left out."""
        tenant, task, model = label
        view, name = self._store.with_namespace(tenant), _encode((task, model)).decode()
        labels = await self._labels(view)
        if name not in labels:
            if len(labels) >= _MOST_LABELS:
                return
            # Two processes may write at once, and one label be lost: its next counts bring it back.
            await view.set(_LABELS, _encode([*labels, name]))
        for field, by in _counts(more).items():
            if by:
                await view.increment(f"{field} {name}", by)

    async def of(self, tenant: str) -> list[tuple[Label, CacheMetrics]]:
        """All labels of a tenant with their counts, in order."""
        view = self._store.with_namespace(tenant)
        found: list[tuple[Label, CacheMetrics]] = []
        for name in sorted(await self._labels(view)):
            task, model = msgspec.json.decode(name, type=tuple[str, str])
            counts = {field: int(await view.get(f"{field} {name}") or 0) for field in _counts(CacheMetrics())}
            metrics = CacheMetrics(
                counts["hits"],
                counts["misses"],
                total_saved_cost=counts["micro_usd"] / _MICRO,
                total_saved_latency_ms=counts["ms"],
                **{name: counts[name] for name in _IN_OTHER_WORDS},
            )
            found.append(((tenant, task, model), metrics))
        return found

    async def _labels(self, view: KeyValueStore) -> list[str]:
        return _decode(await view.get(_LABELS) or b"[]")


def _counts(metrics: CacheMetrics) -> dict[str, int]:
    return {
        "hits": metrics.hits,
        "misses": metrics.misses,
        "micro_usd": round(metrics.total_saved_cost * _MICRO),
        "ms": round(metrics.total_saved_latency_ms),
        **{name: getattr(metrics, name) for name in _IN_OTHER_WORDS},
    }


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[str]).decode
