"""What heads a report stands for itself: nothing supposed, denied, reported or thought before."""

import pytest
from analysis_talk import said

from udib.analysis.sentences import sentences
from udib.analysis.summary import summarise

PLAIN = "The harbor tunnel cost the city 40 million dollars in 2019."


@pytest.mark.parametrize(
    "sentence",
    [
        "Now suppose the harbor tunnel costs the city 90 million dollars.",
        "If we build it, the harbor tunnel will bring the city 500 jobs.",
        "I am not saying that Ben stole 5 million dollars from the city.",
        "Twelve years ago I thought the harbor tunnel was a waste of money.",
        "Anna told me the harbor tunnel costs the city 3 million dollars.",
        "The mayor says the harbor tunnel costs the city 3 million dollars.",
        "I quote the mayor: the harbor tunnel is a waste of 90 million dollars.",
        "How much did the harbor tunnel cost the city in the year 2020?",
    ],
)
def test_what_would_mislead_alone_heads_no_report(sentence: str) -> None:
    talk = said(("A", f"{sentence} {PLAIN}"))
    assert [quote.text for quote in summarise(sentences(talk), ())] == [PLAIN]
