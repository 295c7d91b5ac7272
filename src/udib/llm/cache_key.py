"""What an answer is kept under: everything that decides it, in one canonical form, by its full sha256."""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from udib.core.chat import ChatRequest, Purpose
from udib.core.tenancy import Scope

_FORM: Final = 1
"""Goes up whenever the form of keys or entries changes: what an older udib kept is then not found."""


class Spot(msgspec.Struct, frozen=True):
    """Where one answer is kept. No dataclass, because one is made for every question and that takes five times as long.

    Attributes:
        scope: Whose it is.
        task: What it was asked for.
        provider: Who is asked.
        model: The model that is asked, resolved.
        digest: The full sha256 of `material`.
        material: All that decides the answer. It holds the prompt, so it is never stored.
        generation: The generation that the spot belongs to.
    """

    scope: Scope
    task: str
    provider: str
    model: str
    digest: bytes
    material: bytes
    generation: bytes

    def fingerprint(self, payload: bytes) -> bytes:
        """16 bytes that tie an answer's bytes to this question: no other question's answer and no torn one has them."""
        return hashlib.blake2b(
            payload, digest_size=16, key=hashlib.blake2b(self.material, digest_size=32).digest()
        ).digest()


def spot_of(request: ChatRequest, purpose: Purpose, provider: str, model: str, generation: bytes) -> Spot | None:
    """Where the answer of a request is kept; None for a request that is no JSON, so that it is not cached.

    The whole request goes in, whatever fields it has, with its mappings sorted by key; the tenant comes first. In
    msgpack every part carries its type and length, so no two different requests share a form.

    Args:
        request: What is asked.
        purpose: For whom, and for which task.
        provider: Who is asked: base URL, and whatever else of the endpoint decides its answers.
        model: The model that is asked, resolved.
        generation: Of the scope, model and task.
    """
    scope = purpose.scope
    try:
        material = _encode((_FORM, scope.tenant, scope.workspace, generation, provider, model, purpose.task, request))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None
    return Spot(scope, purpose.task, provider, model, hashlib.sha256(material).digest(), material, generation)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


_encode = msgspec.msgpack.Encoder(enc_hook=_plain, order="sorted").encode
