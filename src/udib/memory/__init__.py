"""What we know: vectors by tenant, found again by meaning and words, and truly forgotten."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from udib.memory.qdrant_provider import QdrantConnectionPool
    from udib.memory.service import MemoryService
    from udib.memory.store import EnhancedVectorStore

__all__ = ["EnhancedVectorStore", "MemoryService", "QdrantConnectionPool"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the module protocol (PEP 562)
    """Load what is asked for when it is used: the pool needs the extra `[qdrant]`, the store process none of it."""
    match name:
        case "EnhancedVectorStore":
            from udib.memory.store import EnhancedVectorStore

            return EnhancedVectorStore
        case "MemoryService":
            from udib.memory.service import MemoryService

            return MemoryService
        case "QdrantConnectionPool":
            from udib.memory.qdrant_provider import QdrantConnectionPool

            return QdrantConnectionPool
        case _:
            raise AttributeError(f"module 'udib.memory' has no attribute {name!r}")
