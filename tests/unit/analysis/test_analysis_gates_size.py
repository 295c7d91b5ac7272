"""The gate on a model's own words costs time in proportion to their length, whatever they are."""

from udib.analysis.gates import is_plain


def test_hyphens_without_end_do_not_stall_the_gate() -> None:
    assert is_plain("a-" * 200_000 + "a")


def test_a_host_behind_hyphens_is_still_markup() -> None:
    assert not is_plain("see " + "a-" * 1_000 + "b.example")
    assert not is_plain("see evil.example now")
    assert is_plain("It ended. Then it began again.")


def test_short_and_foreign_hosts_are_links_too() -> None:
    links = ("see x.com", "see t.co/abc", "b\u00fccher\u00e9a.example", "ev\u0456\u0430.\u0440\u0444")
    assert not [link for link in links if is_plain(link)]
    assert all(is_plain(text) for text in ("At 5 p.m. it rose 3.5 percent.", "The U.S. budget, e.g. roads."))
