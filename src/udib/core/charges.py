"""Whether its quotes found a statement of a model, and whether it charges somebody with more than they say.

Told by words alone: a statement shares words with its quote, has no word of truth, intent, feeling or insult that no
quote has, and no yes for a no. A paraphrase that twists the sense with other words is not told here.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_CLAUSE: Final = re.compile(r"[,;:.!?](?!\d)|\b(?:and|but|because)\b")
"""What parts the clauses of a quote: the "not" of one is no "not" of the next."""
_SHARED: Final = 2
"""Words that a quote must have in common with a statement, beside names: one is mere chance or the subject."""
_STEM: Final = 5
_SHORTEST: Final = 3
_EMPTY: Final = frozenset(
    re.findall(
        r"\S+",
        """
    about after again all also and any are because been before being both but can could did does for from had has have
    her here hers him his how into its itself just may might more most much must nor now off our ours out over own said
    say says she should some such than that that's the their them then there there's these they this those through too
    under until upon very was were what when where which while who whom whose why will with would you your yours it's
    i'm
    """,
    )
)
"""Words that stand in any English sentence and found nothing."""
_NEGATIONS: Final = frozenset(
    re.findall(r"\S+", "barely cannot hardly neither never no nobody none nor not nothing nowhere without")
)
_CHARGES: Final = """
    lie lies lied lying liar liars
    know knows knew known knowing knowingly
    deceive deceives deceived deceiving deceit deceitful deception deceptive
    mislead misleads misled misleading
    wrong wrongly wrongs
    mistake mistakes mistaken mistakenly error errors
    false falsely falsehood falsehoods
    true truth truthful truly untrue untruth
    honest honestly honesty
    dishonest dishonestly dishonesty
    hypocrite hypocrites hypocritical hypocrisy
    hate hates hated hating hatred hateful
    love loves loved loving
    despise despises despised loathe loathes loathed detest detests detested
    fear fears feared afraid
    stupid stupidly stupidity idiot idiots idiotic moron morons dumb
    fool fools foolish fooled
    ignorant ignorance
    incompetent incompetence
    fraud frauds fraudulent fraudulently
    cheat cheats cheated cheating cheater
    scam scams scammer
    corrupt corrupted corruption
    criminal criminals crime crimes
    racist racists racism
    sexist sexists sexism
    crazy insane mad lunatic
    evil wicked
    coward cowards cowardly cowardice
    pretend pretends pretended pretending
    intend intends intended intent intention intentions intentionally deliberate deliberately
    invent invents invented fabricate fabricates fabricated fabrication
    prove proves proved proven proving proof
    disprove disproves disproved disproven
    refute refutes refuted refuting refutation
    debunk debunks debunked debunking
    admit admits admitted admitting admission
    confess confesses confessed confession
    concede concedes conceded concession
    deny denies denied denying denial
    agree agrees agreed agreeing agreement
    disagree disagrees disagreed disagreeing disagreement
    contradict contradicts contradicted contradicting contradiction contradictory
    """
_CHARGE_OF: Final = {word: number for number, line in enumerate(_CHARGES.strip().splitlines()) for word in line.split()}
"""Which charge a word makes: the forms of one line stand for each other."""


def founding_quotes(text: str, quotes: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """The quotes that found a statement; none if it says what they do not.

    Args:
        text: A model's statement.
        quotes: Words that were said, as they stand in what it cites.
        names: Names of speakers: that both name somebody founds nothing.
    """
    about = _content(text, names)
    founding = tuple(quote for quote in quotes if _in_common(about, _content(quote, names)) >= _SHARED)
    return founding if founding and not _says_more(text, founding) else ()


def _says_more(text: str, quotes: Sequence[str]) -> bool:
    words, said = _words(text), [_words(quote) for quote in quotes]
    if _charges(words) - {charge for each in said for charge in _charges(each)}:
        return True
    about = _content(text, ())
    clauses = (clause for quote in quotes for clause in _CLAUSE.split(quote) if _in_common(about, _content(clause, ())))
    return _is_negated(words) not in {_is_negated(_words(clause)) for clause in clauses}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.replace("\u2019", "'").casefold())


def _charges(words: Iterable[str]) -> set[int]:
    return {_CHARGE_OF[bare] for word in words if (bare := word.removesuffix("'s")) in _CHARGE_OF}


def _is_negated(words: Iterable[str]) -> bool:
    return any(word in _NEGATIONS or word.endswith("n't") for word in words)


def _content(text: str, names: Iterable[str]) -> set[str]:
    """The stems of the words that carry meaning."""
    empty = _EMPTY.union(*(map(_bare, _words(name)) for name in names))
    return {word[:_STEM] for word in map(_bare, _words(text)) if len(word) >= _SHORTEST and word not in empty}


def _bare(word: str) -> str:
    return word.removesuffix("'s")


def _in_common(one: set[str], other: set[str]) -> int:
    """How many stems agree; the shorter may be the beginning of the longer, as in "call" and "calls"."""
    return sum(any(stem.startswith(each) or each.startswith(stem) for each in other) for stem in one)
