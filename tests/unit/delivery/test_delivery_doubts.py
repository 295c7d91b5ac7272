"""Words that were not heard clearly, on every page."""

from dataclasses import replace
from io import StringIO

import msgspec
from rich.console import Console
from sample import sample

from udib.core.findings import Critical, Report, Unclear
from udib.core.speech import Quote
from udib.delivery import doubts
from udib.delivery.discord import discord_payloads
from udib.delivery.document import render_json
from udib.delivery.html import render_html
from udib.delivery.markdown import render_markdown
from udib.delivery.terminal import render_terminal
from udib.delivery.view import warnings


def doubted(quote: Quote, *numbers: int) -> Quote:
    return msgspec.convert({**msgspec.to_builtins(quote), "doubtful": numbers}, Quote)


def report() -> Report:
    """The sample, in which two words of the first claim were not heard clearly; the first of them is a number."""
    made = sample().report
    assert made.fact_checks is not None
    [first, *others] = made.fact_checks.checks
    claim = replace(
        first.claim, quote=doubted(first.claim.quote, 1, 2), unclear=(Unclear(Critical.NUMBER, "forty<b>"),)
    )
    checks = replace(made.fact_checks, checks=(replace(first, claim=claim), *others))
    return replace(made, fact_checks=checks, transcript=replace(made.transcript, doubtful=2))


def claimed(made: Report) -> list[str]:
    assert made.fact_checks is not None
    return made.fact_checks.checks[0].claim.quote.text.split()


def test_the_page_underlines_them_and_names_the_number() -> None:
    made = report()
    page = render_html(made)
    first, second, third = claimed(made)[:3]
    marked = f'{first} <span class="doubt" title="Not heard clearly">{second} {third}</span> '
    assert marked.replace("'", "&#39;") in page
    assert "Not heard clearly: the number \u201cforty&lt;b&gt;\u201d. Listen before you rely on it." in page


def test_texts_have_a_mark_behind_each_and_the_words_as_they_are() -> None:
    made = report()
    words = claimed(made)
    said = " ".join([words[0], f"{words[1]}[?]", f"{words[2]}[?]", *words[3:]])
    out = StringIO()
    Console(width=400, file=out, no_color=True).print(render_terminal(made, 400))
    shown = out.getvalue()
    assert said in shown
    assert "the number \u201cforty<b>\u201d" in shown
    assert said in render_markdown(made).replace("\\", "")
    assert f"{words[1]}[?]" in str(discord_payloads(made)).replace("\\", "")
    assert " ".join(words) in render_json(made).decode()
    assert warnings(made) == [
        f"Not heard clearly: 2 of {made.transcript.words} words. They are marked where they are quoted; others may be "
        "wrong, too."
    ]


def test_clear_words_and_other_numbers_change_nothing() -> None:
    assert doubts.marked("a  b", ()) == "a  b"
    assert doubts.marked("a b", (7,)) == "a b"
    assert doubts.caution(()) == ""


def test_reports_of_earlier_versions_can_be_read() -> None:
    made = sample().report
    old = msgspec.json.decode(render_json(made))
    assert "doubtful" in str(old)

    def without(value: object) -> object:
        if isinstance(value, dict):
            return {key: without(each) for key, each in value.items() if key not in {"doubtful", "unclear"}}
        return [without(each) for each in value] if isinstance(value, list) else value

    assert msgspec.convert(without(old), Report) == made
