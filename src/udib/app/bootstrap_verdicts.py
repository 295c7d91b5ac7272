"""The part of the composition root that has models read evidence; the verdicts are made of that by rule."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from udib.analysis.fact_check import NEEDS_MODEL, to_read
from udib.analysis.stances import StanceDraft, StanceGate, cited, sentences_of
from udib.analysis.verdicts import NO_EVIDENCE, RULES, Moment, moment_of, verdict_on
from udib.analysis.worded_claims import ClaimsDraft, ClaimWindow, ClaimWording, Worded
from udib.app.bootstrap_asking import UNUSABLE, Asking, Unanswered
from udib.app.bootstrap_models import Models
from udib.core.evidence import LookUp
from udib.core.findings import Claim, Evidence, FactCheck, FactChecks, NotJudged, Verdict
from udib.core.judging import Judgement, ModelUse, Stance
from udib.core.ports import Scales
from udib.core.speech import Missing, Quote, Transcript
from udib.core.tenancy import Scope
from udib.core.types import Content
from udib.llm.prompts import Excerpt

BEYOND_LIMIT: Final = "limit"
"""The code of a claim that is less check-worthy than those that were judged."""
STANCE_TOKENS: Final = 200
CLAIMS_TOKENS: Final = 900
_PART: Final = "verdicts"
_WORDING: Final = "claims in words"

Judge = Callable[[Scope, Content, datetime, LookUp, Transcript, FactChecks], Awaitable[FactChecks]]


@dataclass(frozen=True, slots=True)
class _Pair:
    """One claim and one piece of its evidence: what one call is about. `check` and `evidence` are places."""

    check: int
    evidence: int
    claim: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judging:
    """How claims are judged.

    Attributes:
        most: Claims that are judged at most, the most check-worthy.
        worded: Whether a model first makes the claims stand by themselves.
        call_s: Longest time of one call.
        stage_s: Time of all.
    """

    most: int
    worded: bool
    call_s: float
    stage_s: float


def judge_of(models: Models, scales: Scales, wanted: Judging) -> Judge:
    """What judges the claims of an item.

    Args:
        models: Who is asked.
        scales: How often verdicts were right before.
        wanted: How.
    """

    async def judge(
        scope: Scope, content: Content, now: datetime, look_up: LookUp, transcript: Transcript, found: FactChecks
    ) -> FactChecks:
        claims = Asking(models, scope, "claims", call_s=wanted.call_s, stage_s=wanted.stage_s)
        reading = Asking(models, scope, "fact_check", call_s=wanted.call_s, stage_s=wanted.stage_s)
        moment = Moment(moment_of(content.published_at), now)
        judging = _Judging(claims if wanted.worded else None, reading, look_up, moment)
        judged = await judging.judged(transcript, found, wanted.most)
        return replace(judged, checks=await calibrated(judged.checks, scales, scope))

    return judge


async def calibrated(checks: Sequence[FactCheck], scales: Scales, scope: Scope) -> tuple[FactCheck, ...]:
    """The checks, their verdicts as sure as verdicts of the same maker were right in the scope, where that is known."""
    makers = {check.verdict.by_rule.made_by for check in checks if check.verdict and check.verdict.by_rule}
    known = {maker: await scales.made_by(scope, maker) for maker in sorted(makers)}

    def applied(verdict: Verdict) -> Verdict:
        scale = known.get(verdict.by_rule.made_by) if verdict.by_rule else None
        return verdict if scale is None else scale.applied(verdict)

    return tuple(replace(check, verdict=applied(check.verdict)) if check.verdict else check for check in checks)


class _Judging:
    """The claims of one item on their way to verdicts."""

    def __init__(self, claims: Asking | None, reading: Asking, look_up: LookUp, moment: Moment) -> None:
        self._claims = claims
        self._reading = reading
        self._look_up = look_up
        self._moment = moment
        self._gate = StanceGate()
        self._missing: list[Missing] = []

    async def judged(self, transcript: Transcript, found: FactChecks, most: int) -> FactChecks:
        chosen, rest = found.checks[:most], found.checks[most:]
        if self._claims is None:
            checks, worded = chosen, found
        else:
            wording = await asyncio.to_thread(ClaimWording, transcript)
            checks, sent = await self._word(self._claims, wording, chosen)
            worded = replace(found, sent=sent, gates=(wording.count.account,))
        # A sentence that was taken apart is several claims; no more are judged for that.
        left = (*(_beyond(check) for check in checks[most:]), *(_beyond(check) for check in rest))
        checks = await self._read(checks[:most])
        return replace(
            worded,
            checks=(*checks, *left),
            use=_sum([each.use for each in (self._claims, self._reading) if each is not None]),
            gates=(*worded.gates, self._gate.count.account),
            missing=tuple(dict.fromkeys((*found.missing, *self._missing))),
        )

    async def _word(
        self, asking: Asking, wording: ClaimWording, checks: Sequence[FactCheck]
    ) -> tuple[tuple[FactCheck, ...], int]:
        """The claims as they stand by themselves, each with its evidence, and how many sentences were shown."""
        windows = tuple(wording.windows([check.claim for check in checks]))
        claims = [check.claim for check in checks]

        async def ask(window: ClaimWindow) -> dict[Quote, Worded]:
            excerpts = [
                Excerpt(str(number), each.text, each.quote.speaker or "") for number, each in window.shown.items()
            ]
            values = {"wanted": ", ".join(map(str, window.wanted))}
            draft = await asking.ask("claims", values, excerpts, ClaimsDraft, most_tokens=CLAIMS_TOKENS)
            return wording.taken_over(draft, window, claims)

        worded: dict[Quote, Worded] = {}
        shown: set[int] = set()
        for window, answer in zip(windows, await asking.each(windows, ask), strict=True):
            if isinstance(answer, Unanswered):
                self._missing.append(Missing(_WORDING, answer.why))
            else:
                worded |= answer
                shown |= window.shown.keys()
        return await self._with_evidence(checks, worded), len(shown)

    async def _with_evidence(self, checks: Sequence[FactCheck], worded: dict[Quote, Worded]) -> tuple[FactCheck, ...]:
        """The checks with the claims that a model made of them; what is worded anew is looked up anew."""
        apart = [
            (check, claim, made.why_not)
            for check in checks
            for made in [worded.get(check.claim.quote, Worded((check.claim,)))]
            for claim in made.claims
        ]
        asked = list(dict.fromkeys(claim.wording for _, claim, _ in apart if claim.wording))
        found = dict(zip(asked, await self._look_up(asked), strict=True)) if asked else {}
        return tuple(_check(check, claim, why, found.get(claim.wording, [])) for check, claim, why in apart)

    async def _read(self, checks: Sequence[FactCheck]) -> tuple[FactCheck, ...]:
        """Have each piece of evidence read in a call of its own, and make the verdicts."""
        pairs = [
            _Pair(place, number, check.claim.text, sentences_of(piece.text))
            for place, check in enumerate(checks)
            if _is_open(check)
            for number, piece in to_read(check.evidence)
        ]
        answers = await self._reading.each(pairs, self._stance)
        said = list(zip(pairs, answers, strict=True))
        return tuple(
            self._verdict(check, [answer for pair, answer in said if pair.check == place]) if _is_open(check) else check
            for place, check in enumerate(checks)
        )

    async def _stance(self, pair: _Pair) -> Judgement | None:
        excerpts = [Excerpt("claim", pair.claim)]
        excerpts += [Excerpt(str(number), text) for number, text in enumerate(pair.sentences, 1)]
        shown = len(pair.sentences)
        draft = await self._reading.ask(
            "stance", {}, excerpts, StanceDraft, most_tokens=STANCE_TOKENS, quotes=lambda draft: cited(draft, shown)
        )
        return self._gate.passed(draft, pair.claim, pair.evidence, pair.sentences)

    def _verdict(self, check: FactCheck, answers: Sequence[Judgement | None | Unanswered]) -> FactCheck:
        """The verdict of one claim. Of evidence that was not all shown none is made: the rest may say the opposite.

        A piece whose reading cannot be used is left out, so that no text can keep its claim from having a verdict.
        """
        if not check.evidence:
            return replace(check, not_judged=NotJudged(NO_EVIDENCE))
        unread = [answer for answer in answers if isinstance(answer, Unanswered)]
        judgements = tuple(answer for answer in answers if isinstance(answer, Judgement))
        self._missing += [Missing(_PART, answer.why) for answer in unread]
        not_shown = [answer for answer in unread if not answer.invalid]
        if not_shown or not judgements:
            reason = not_shown[0].code if not_shown else UNUSABLE
            cost = check.not_judged.estimated_cost_usd if check.not_judged else None
            return replace(check, not_judged=NotJudged(reason, cost), judgements=judgements)
        verdict = verdict_on(check.claim, check.evidence, judgements, self._moment)
        if isinstance(verdict, NotJudged):
            return replace(check, not_judged=verdict, judgements=judgements)
        return replace(check, verdict=self._signed(verdict), not_judged=None, judgements=_telling_first(judgements))

    def _signed(self, verdict: Verdict) -> Verdict:
        """A verdict with who made it: the models, and the versions of the prompts and the rules."""
        models = self._reading.use.models
        prompts = [self._reading.version("stance")]
        if self._claims is not None:
            prompts.insert(0, self._claims.version("claims"))
        made_by = "; ".join((*sorted(models), *prompts, RULES))
        rule = verdict.by_rule
        return replace(verdict, models=models, by_rule=replace(rule, made_by=made_by) if rule else None)


def _check(check: FactCheck, claim: Claim, why_not: str, found: Sequence[Evidence]) -> FactCheck:
    not_judged = NotJudged(why_not) if why_not else check.not_judged
    # What is found again by other words has another relevance, and is the same.
    once = {(piece.link, piece.text): piece for piece in (*found, *check.evidence)}
    return replace(check, claim=claim, evidence=tuple(once.values()), not_judged=not_judged)


def _beyond(check: FactCheck) -> FactCheck:
    return replace(check, not_judged=NotJudged(BEYOND_LIMIT)) if _is_open(check) else check


def _is_open(check: FactCheck) -> bool:
    """Whether a claim only waits for a model."""
    return check.not_judged is not None and check.not_judged.reason == NEEDS_MODEL


def _telling_first(judgements: tuple[Judgement, ...]) -> tuple[Judgement, ...]:
    return tuple(sorted(judgements, key=lambda each: (each.stance is Stance.NEITHER, each.evidence)))


def _sum(uses: Sequence[ModelUse]) -> ModelUse:
    return ModelUse(
        tuple(dict.fromkeys(model for use in uses for model in use.models)),
        sum(use.calls for use in uses),
        round(sum(use.cost_usd for use in uses), 6),
    )
