"""The parts of arguments: premises, conclusions, concessions, rebuttals and examples, found by their cues."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from udib.analysis.sentences import Sentence
from udib.analysis.text import content_stems, is_content, is_negation, stem, tokens, word_set
from udib.core.findings import Argument, Role
from udib.core.speech import Transcript

FEWEST_WORDS: Final = 4
"""Words that a premise or a conclusion has at least; less is a fragment."""

_LEAD = r"^(?:(?:and|well|look|ok|okay|now|yes|yeah|but|so|honestly|frankly|listen),? )*"

_CONCESSION = re.compile(
    _LEAD + r"(?:i(?:'ll| will| do| would|'d)? (?:grant|give|admit|concede|acknowledge|accept"
    r"|agree)\b(?! (?:on )?nothing)|granted\b|admittedly|fair (?:point|enough)|to be fair|(?:you're|you are"
    r"|he's|she's) right (?:that|about|on|there)|that's (?:true|fair|a fair point|a good point)|i(?:'m"
    r"| am) with \w+ on|i share|no (?:one|body) (?:denies|disputes)|i don't (?:deny|dispute)|it(?:'s"
    r"| is) true(?: that)?|true,)"
)
_ANSWER = re.compile(
    r"^(?:(?:well|look|oh|and|so),? )*(?:no\b(?! (?:doubt|question|one|body))|not (?:true|quite|so|really"
    r"|at all|exactly)|but\b|actually\b|that(?:'s| is|'s just| is just) (?:not|wrong|false|nonsense"
    r"|simply not|absurd)|that (?:isn't|wasn't|doesn't|won't|ignores|misses|assumes)|on the contrary|wrong\b"
    r"|nonsense\b|with respect|(?:i|we) (?:disagree|don't (?:buy|accept|agree))|(?:sure|yes|yeah|fine|right"
    r"|maybe|okay|ok|perhaps|true|fair enough|of course|granted|i see|i understand"
    r"|i know)\b[^.?!]{0,60}?,? but\b)"
)
_EXAMPLE = re.compile(
    r"\bfor (?:example|instance)\b|\bto give (?:you )?(?:an|one) example\b|^(?:(?:and|so|but|now|just"
    r"|well),? )*(?:take (?:the|a|an|my|our|[a-z]+,)|consider (?:the|a|an|how|what)|picture (?:a|an|the|this)"
    r"|imagine (?:a|an|the|you|that)|look at (?:the|what|how|[a-z]+,)|in the case of|(?:a|one) (?:good "
    r"|recent |clear )?example)"
)
_BECAUSE = re.compile(r"\b(?:because|given that|seeing that)\b(?! of\b)")
_SINCE = re.compile(
    r"(?:^|, )(since (?:(?:it|we|they|you|i|he|she|that|there|this)(?:'s|'re|'ve|'ll|'d)?|the|a|an|no|most"
    r"|many|people|nobody|everyone) (?!(?:\w+ )?(?:ago|began|started|left|came|took office|was (?:born"
    r"|elected|founded))))"
)
_REASON = re.compile(_LEAD + r"(?:the|one|another|my|first|second) (?:main |real |simple |other )?reason\b")
_CONCLUSION = re.compile(
    r"^(?:(?:and|well),? )*(?:therefore|thus|hence|consequently|it follows|that means|which means|that(?:'s"
    r"| is) why|this means|the upshot|in (?:short|conclusion|the end)|my point is|the (?:point"
    r"|bottom line) is|that(?:'s| is) the reason)\b|\b(?:therefore|which is why|which means)\b"
)
_SO = re.compile(
    r"^(?:and )?so,? (?!(?:what|how|why|who|where|when|tell|um|uh|you're saying|you(?:'re)? (?:want|think"
    r"|say)|let's|let me|if you|far|to|is|are|do|does|did|can|would|will|many|much|long|i(?:'m| was| just"
    r"| guess| think| went| said)|then i)\b)"
)


_OF_THE_DEBATE: Final = frozenset(
    map(stem, word_set("finish close begin start end talk turn question answer point thank debate"))
)
"""Stems of the words in which speakers announce what they do; to take one up is no reply."""


@dataclass(frozen=True, slots=True)
class _Cue:
    """A part of a sentence with a role: the words of `begin` to `end`, found by `words`."""

    role: Role
    words: str
    begin: int
    end: int


def arguments(transcript: Transcript, sentences: Sequence[Sentence]) -> tuple[Argument, ...]:
    """Every sentence or clause with a cue, in order of time; questions and sentences without a cue have no part."""
    found: list[Argument] = []
    before: list[Sentence] = []
    for _, group in groupby(sentences, key=lambda sentence: sentence.turn):
        turn = list(group)
        for number, sentence in enumerate(turn):
            answered = before if number == 0 else []
            found += [
                Argument(sentence.part(transcript, cue.begin, cue.end), cue.role, cue.words)
                for cue in _cues(sentence, answered)
            ]
        before = turn
    return tuple(found)


def _cues(sentence: Sentence, answered: Sequence[Sentence]) -> Iterator[_Cue]:
    text = sentence.text
    # Lower case may change the length of a foreign letter, and then offsets would lie.
    low = text.lower().replace("\u2019", "'")
    if len(low) != len(text) or text.rstrip("\"'\u201d)").endswith("?"):
        return
    whole = _whole(low, text, answered)
    if whole is not None:
        yield _Cue(whole[0], whole[1], 0, len(text))
    yield from _clauses(low, takes_conclusion=whole is None or whole[0] is Role.REBUTTAL)


def _whole(low: str, text: str, answered: Sequence[Sentence]) -> tuple[Role, str] | None:
    """The role of a whole sentence with its cue."""
    if answered:
        answer = _ANSWER.search(low)
        # Talk goes on with "but" all the time; it answers where it takes up a word of what was said.
        if answer and not (answer.group().endswith("but") and not _taken_up(text, answered)):
            return Role.REBUTTAL, answer.group().strip()
    for role, pattern in ((Role.CONCESSION, _CONCESSION), (Role.EXAMPLE, _EXAMPLE)):
        match = pattern.search(low)
        if match:
            return role, match.group().strip(" ,")
    echo = _contradicted_echo(text, answered)
    return (Role.REBUTTAL, echo) if echo else None


def _contradicted_echo(text: str, answered: Sequence[Sentence]) -> str:
    """A word of the speaker before that the first sentence of an answer takes up in the negative, or ""."""
    return _taken_up(text, answered) if any(map(is_negation, tokens(text))) else ""


def _taken_up(text: str, answered: Sequence[Sentence]) -> str:
    """The first word of a sentence that the last ones of the speaker before have too, or ""."""
    said = {one for sentence in answered[-3:] for one in content_stems(sentence.tokens)} - _OF_THE_DEBATE
    return next((word.low for word in tokens(text) if is_content(word.low) and stem(word.low) in said), "")


def _clauses(low: str, *, takes_conclusion: bool) -> Iterator[_Cue]:
    """The premise after "because" or "since" with the conclusion before it, else a conclusion by its own cue."""
    match = _BECAUSE.search(low)
    since = None if match else _SINCE.search(low)
    begin = match.start() if match else since.start(1) if since else None
    if begin is not None:
        cue = match.group() if match else "since"
        if len(low[begin:].split()) > FEWEST_WORDS:
            yield _Cue(Role.PREMISE, cue, begin, len(low))
        claim = low[:begin].rstrip(" ,;:\u2014-")
        if takes_conclusion and len(claim.split()) >= FEWEST_WORDS and not claim.startswith("let"):
            yield _Cue(Role.CONCLUSION, cue, 0, len(claim))
        return
    reason = _REASON.search(low)
    if reason:
        yield _Cue(Role.PREMISE, reason.group().strip(), 0, len(low))
        return
    conclusion = _CONCLUSION.search(low) or _SO.search(low)
    if conclusion and takes_conclusion and len(low.split()) > FEWEST_WORDS:
        yield _Cue(Role.CONCLUSION, conclusion.group().strip(" ,"), 0, len(low))
