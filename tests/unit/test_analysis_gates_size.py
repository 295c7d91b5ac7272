"""The gate on a model's own words costs time in proportion to their length, whatever they are."""

from udib.analysis.gates import is_plain


def test_hyphens_without_end_do_not_stall_the_gate() -> None:
    assert is_plain("a-" * 200_000 + "a")


def test_a_host_behind_hyphens_is_still_markup() -> None:
    assert not is_plain("see " + "a-" * 1_000 + "b.example")
    assert not is_plain("see evil.example now")
    assert is_plain("It ended. Then it began again.")
