from collections.abc import Sequence

import pytest
from analysis_talk import said

from udib.analysis.fact_check import Prices, check_claims, most_claims, verdict_cost_usd
from udib.core.findings import Evidence

TALK = ("A", "Taxes fell by 3 percent in 2015. I like tea. About 40 million people rent their homes in this country.")


class Known:
    """A look-up that answers from a script and keeps what it was asked."""

    def __init__(self, *answers: list[Evidence]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, statements: Sequence[str]) -> list[list[Evidence]]:
        self.asked += statements
        return [list(self.answers[n]) if n < len(self.answers) else [] for n in range(len(statements))]


EVIDENCE = Evidence("Taxes did fall by 3 percent.", "A talk", "file.vtt#t=3", 0.8)


async def test_every_claim_is_looked_up_and_none_is_judged() -> None:
    known = Known([EVIDENCE])
    found = await check_claims(said(TALK), known, limit=60)
    assert [check.claim.quote.text for check in found.checks] == known.asked
    assert found.checks[0].evidence == (EVIDENCE,)
    assert {check.verdict for check in found.checks} == {None}
    assert {check.not_judged.reason for check in found.checks if check.not_judged} == {"needs_llm"}
    assert found.considered == 3


async def test_without_prices_nothing_is_estimated() -> None:
    found = await check_claims(said(TALK), Known(), limit=60)
    assert all(check.not_judged is not None and check.not_judged.estimated_cost_usd is None for check in found.checks)


async def test_the_estimate_grows_with_the_evidence() -> None:
    found = await check_claims(said(TALK), Known([EVIDENCE], []), limit=60, prices=Prices(1.0, 4.0))
    costs = [check.not_judged.estimated_cost_usd or 0.0 for check in found.checks if check.not_judged]
    assert costs[0] > costs[1] == 0.0, "there is nothing to read"


def test_the_estimate_is_the_price_of_the_tokens() -> None:
    assert verdict_cost_usd("x" * 400, [], Prices(1.0, 2.0)) == 0.0


async def test_a_dense_hour_is_capped_and_the_best_stay() -> None:
    turns = [("A" if n % 2 else "B", f"Taxes fell by {n + 2} percent in {1950 + n}.") for n in range(60)]
    found = await check_claims(said(*turns), Known(), limit=60)
    assert len(found.checks) == most_claims(60, 0.0) == 30
    assert found.considered == 60


@pytest.mark.parametrize(("limit", "seconds", "most"), [(1, 345, 1), (10, 345, 5), (60, 7200, 120), (1, 7200, 2)])
async def test_the_limit_holds_for_short_items_too(limit: int, seconds: float, most: int) -> None:
    assert most_claims(limit, seconds) == most
    turns = [("A" if n % 2 else "B", f"Taxes fell by {n + 2} percent in {1950 + n}.") for n in range(30)]
    assert len((await check_claims(said(*turns), Known(), limit=limit)).checks) == most_claims(limit, 0.0)


async def test_nothing_is_looked_up_when_nothing_is_claimed() -> None:
    known = Known()
    found = await check_claims(said(("A", "Hello there, how are you?")), known, limit=60)
    assert found.checks == ()
    assert known.asked == []


async def test_german_is_left_alone() -> None:
    text = "Die Mieten sind seit 2015 um 30 Prozent gestiegen, und das ist viel. Wir wohnten dort 20 Jahre, er nicht."
    found = await check_claims(said(("A", text)), Known(), limit=60)
    assert (found.checks, found.considered) == ((), 0)


async def test_a_claim_that_is_made_again_is_one_check_and_looked_up_once() -> None:
    known = Known()
    claim = "Taxes in Norway fell by 3 percent in 2015."
    talk = said(
        ("A", f"{claim} I like tea."), ("B", "So do I."), ("A", f"Look, {claim.lower().replace('norway', 'Norway')}")
    )
    [check] = (await check_claims(talk, known, limit=60)).checks
    assert len(known.asked) == 1
    assert [quote.text for quote in check.repeats] == ["Look, taxes in Norway fell by 3 percent in 2015."]
    assert check.repeats[0].start_s > check.claim.quote.start_s
