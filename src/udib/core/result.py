"""`StepResult`: what a step, a job or a public call came to. Failures that were intended are values, not exceptions."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast, overload

from udib.core.errors import Status, error_for

T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class StepResult(Generic[T_co]):
    """The value of a step that succeeded, or the reason why there is none.

    `error` holds one sentence for failures and skips and is None on success.
    """

    status: Status
    value: T_co | None = None
    error: str | None = None

    @overload
    @staticmethod
    def ok(value: U, /) -> "StepResult[U]": ...
    @overload
    @staticmethod
    def ok(**fields: object) -> "StepResult[Mapping[str, Any]]": ...
    @staticmethod
    def ok(value: object = None, /, **fields: object) -> "StepResult[Any]":
        """Success with a value, or with named fields, which become a read-only mapping."""
        if fields:
            return StepResult(Status.OK, MappingProxyType(dict(fields)))
        return StepResult(Status.OK, value)

    @staticmethod
    def fail(error: str, status: Status = Status.FAILED) -> "StepResult[Any]":
        """A failure with one sentence for the user. `status` says what the caller may do."""
        if status in {Status.OK, Status.SKIPPED}:
            raise ValueError(f"{status.value} is not a failure")
        return StepResult(status, None, error)

    @staticmethod
    def skip(reason: str) -> "StepResult[Any]":
        """Nothing was done, on purpose."""
        return StepResult(Status.SKIPPED, None, reason)

    @property
    def success(self) -> bool:
        """Whether there is a value."""
        return self.status is Status.OK

    @property
    def data(self) -> T_co | None:
        """The value; None unless `success`."""
        return self.value

    def __getitem__(self, field: str) -> object:
        """One named field of the value: a key of a mapping or an attribute of a dataclass.

        Raises:
            KeyError: There is no such field, or no value.
        """
        if isinstance(self.value, Mapping):
            return cast("Mapping[str, object]", self.value)[field]
        if field in getattr(self.value, "__dataclass_fields__", ()):
            return cast("object", getattr(self.value, field))
        raise KeyError(field)

    def unwrap(self) -> T_co:
        """The value, or the error that this result stands for, raised.

        Raises:
            UdibError: The result is a failure or a skip.
        """
        if self.status is not Status.OK:
            raise error_for(self.status, self.error or self.status.value)
        return cast("T_co", self.value)
