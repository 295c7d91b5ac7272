"""Who owns a thing. Every store, search, cache and budget call names its `Scope`; no default exists below `app`."""

import hashlib
import json
import unicodedata
from dataclasses import dataclass
from typing import NewType

from udib.core.errors import BadRequestError

TenantId = NewType("TenantId", str)
WorkspaceId = NewType("WorkspaceId", str)

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """One workspace of one tenant. Names are kept in Unicode form NFC, so that look-alike spellings are one name."""

    tenant: TenantId
    workspace: WorkspaceId

    def __post_init__(self) -> None:
        object.__setattr__(self, "tenant", _clean("tenant", self.tenant))
        object.__setattr__(self, "workspace", _clean("workspace", self.workspace))

    @classmethod
    def of(cls, tenant: str, workspace: str) -> "Scope":
        """The scope of two plain names.

        Raises:
            BadRequestError: A name is empty, longer than 200 characters, or holds a control character.
        """
        return cls(TenantId(tenant), WorkspaceId(workspace))

    def digest(self) -> str:
        """A name for files and keys: 32 hex digits of a sha256 over the pair (never the two names joined)."""
        pair = json.dumps([self.tenant, self.workspace], ensure_ascii=False)
        return hashlib.sha256(pair.encode()).hexdigest()[:32]

    def __str__(self) -> str:
        return f"tenant {self.tenant!r}, workspace {self.workspace!r}"


def _clean(what: str, name: str) -> str:
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > _LONGEST_NAME:
        raise BadRequestError(f"A {what} name has 1 to {_LONGEST_NAME} characters; this one has {len(name)}.")
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in name):
        raise BadRequestError(f"The {what} name {name!r} holds a control character; use letters, digits and signs.")
    return name
