from dataclasses import dataclass

import pytest

from udib.core.errors import BadRequestError, ForbiddenError, Status, UdibError, UnavailableError
from udib.core.result import StepResult


@dataclass(frozen=True)
class Value:
    size: int


def test_a_value_is_a_success() -> None:
    result = StepResult.ok(Value(3))
    assert (result.success, result.data, result.error, result["size"]) == (True, Value(3), None, 3)
    assert result.unwrap() == Value(3)


def test_fields_become_a_read_only_mapping() -> None:
    result = StepResult.ok(batches=2, batch_size=64)
    assert result["batches"] == 2
    with pytest.raises(TypeError):
        result.unwrap()["batches"] = 3  # type: ignore[index]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (Status.FAILED, UdibError),
        (Status.RETRYABLE, UnavailableError),
        (Status.BAD_REQUEST, BadRequestError),
        (Status.FORBIDDEN, ForbiddenError),
    ],
)
def test_a_failure_is_raised_again_as_its_own_error(status: Status, error: type[UdibError]) -> None:
    result = StepResult.fail("The disk is full.", status)
    assert not result.success
    with pytest.raises(error, match=r"The disk is full\.") as caught:
        result.unwrap()
    assert type(caught.value) is error
    assert caught.value.status is status


def test_a_skip_has_no_value() -> None:
    result = StepResult.skip("needs_llm")
    assert (result.success, result.status, result.error) == (False, Status.SKIPPED, "needs_llm")


@pytest.mark.parametrize("status", [Status.OK, Status.SKIPPED])
def test_a_failure_cannot_claim_success(status: Status) -> None:
    with pytest.raises(ValueError, match="is not a failure"):
        StepResult.fail("no", status)


@pytest.mark.parametrize("result", [StepResult.ok(Value(1)), StepResult.ok(a=1), StepResult.fail("no")])
def test_an_unknown_field_is_a_key_error(result: StepResult[object]) -> None:
    with pytest.raises(KeyError):
        result["nothing"]
