"""How to recall, and what a memory says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RecallOptions:
    """How to recall beyond the port's arguments.

    Attributes:
        half_life_days: Days in which a passage's score halves with its age; None: age does not matter.
        neighbours: How many records before and after each passage are wanted too.
        use_cache: Whether results kept from an earlier search will do.
    """

    half_life_days: float | None = None
    neighbours: int = 0
    use_cache: bool = True


DEFAULT_RECALL: Final = RecallOptions()


@dataclass(frozen=True, slots=True)
class MemoryStats:
    """What a workspace's memory holds.

    Attributes:
        records: Records by kind, twins not counted.
        twins: Copies of records.
        speakers: The most frequent speakers, with their records.
        platforms: The platforms, with their records.
        tenant_records: Records and twins of the tenant, in all its workspaces.
        quota: How many it may have; None: no bound.
        search_cache: What the search cache did in this process.
    """

    records: Mapping[str, int]
    twins: int
    speakers: Mapping[str, int]
    platforms: Mapping[str, int]
    tenant_records: int
    quota: int | None
    search_cache: Mapping[str, float]
