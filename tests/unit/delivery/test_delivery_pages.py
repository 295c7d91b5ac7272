"""Markdown, HTML, terminal, JSON and WebVTT of the same report."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from html import unescape
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from markdown_it import MarkdownIt
from rich.console import Console
from sample import NASTY, correction, empty_report, hostile_sample, local_sample, sample

from udib.core.corrected import with_corrections
from udib.core.corrections import UNFAIR, CorrectionKind
from udib.core.findings import Report
from udib.core.speech import Origin, Quote, Segment, Transcript
from udib.delivery import view
from udib.delivery.document import render_json, render_schema
from udib.delivery.html import render_html
from udib.delivery.markdown import render_markdown
from udib.delivery.places import MOST_CUES, Places
from udib.delivery.tally import tally
from udib.delivery.terminal import render_terminal
from udib.delivery.text import clean
from udib.delivery.vtt import WrittenCue, read_cues, to_vtt

ROOT = Path(__file__).parents[3]
REPORT = sample().report
ALL = [REPORT, local_sample().report, empty_report(), *(hostile_sample(nasty).report for nasty in NASTY)]
HOSTS = {"", "example.org", "www.youtube.com"}
reports = pytest.mark.parametrize(
    "report", ALL, ids=["plain", "local", "empty", *(f"hostile{n}" for n in range(len(NASTY)))]
)


@dataclass
class Page(HTMLParser):
    """What a browser would make of a page."""

    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str | None]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, *names: str) -> list[str]:
        return [value or "" for name, value in self.attributes if name in names]


def page_of(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page


def quotes(report: Report) -> Iterator[Quote]:
    yield from report.summary
    yield from (check.claim.quote for check in view.checks(report))
    yield from (hint.quote for hint in view.hints(report))
    yield from (pair.later for pair in view.contradictions(report))
    yield from view.unanswered(report)
    yield from (quote for point in view.points(report) for quote in (point.quote, *point.others))


@pytest.mark.parametrize("render", [render_markdown, render_html])
def test_every_statement_links_to_its_second(render: Callable[[Report], str]) -> None:
    text = render(REPORT).replace("&amp;", "&")
    assert [quote.text for quote in quotes(REPORT) if REPORT.content.link(quote.start_s) not in text] == []


@pytest.mark.parametrize("render", [render_markdown, render_html])
def test_a_point_stands_with_all_who_make_it(render: Callable[[Report], str]) -> None:
    [point] = view.points(REPORT)
    below = render(REPORT).partition("Points made more than once")[2].partition("Arguments")[0]
    assert below.count(view.who(point.quote)) >= 1
    assert all(quote.text.split()[-1] in below for quote in (point.quote, *point.others))


def test_the_first_page_is_read_in_two_minutes() -> None:
    first = render_markdown(REPORT).partition("## More claims")[0]
    words = re.findall(r"[^\W_]+(?:[.:'\u2019,-][^\W_]+)*", re.sub(r"\(<[^>]*>\)", "", first))
    assert len(words) <= 2 * 300


@reports
def test_markdown_holds_no_foreign_markup(report: Report) -> None:
    parsed = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(render_markdown(report))
    tokens = [each for token in parsed for each in (token, *(token.children or ()))]
    assert not {"html_block", "html_inline", "image", "fence", "code_block", "code_inline"} & {t.type for t in tokens}
    links = [str(token.attrs["href"]) for token in tokens if token.type == "link_open"]
    assert {urlsplit(link).netloc for link in links} <= HOSTS
    assert {urlsplit(link).scheme for link in links} <= {"https", "file"}
    headings = [token for token in tokens if token.type == "heading_open"]
    assert [token.tag for token in headings][:1] == ["h1"]
    assert {token.tag for token in headings[1:]} <= {"h2"}


def test_tables_keep_their_columns_whatever_is_said() -> None:
    for nasty in NASTY:
        html = MarkdownIt("commonmark").enable("table").render(render_markdown(hostile_sample(nasty).report))
        rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
        assert {len(re.findall("<t[hd]", row)) for row in rows} == {3, 4, 6}


@reports
def test_html_is_self_contained_and_runs_nothing_but_its_player(report: Report) -> None:
    page = page_of(render_html(report))
    assert not {"iframe", "img", "link", "object", "embed", "form", "base"} & set(page.tags)
    assert page.tags.count("script") == page.tags.count("audio")  # what it does is tested below
    assert [name for name, _ in page.attributes if name.startswith("on") or name == "style"] == []
    addresses = page.values("href", "src")
    assert {urlsplit(address).scheme for address in addresses} <= {"https", "file", ""}
    assert {urlsplit(address).netloc for address in addresses} <= HOSTS
    assert [a for a in addresses if not urlsplit(a).scheme and not a.startswith(("#", "./"))] == []
    assert page.tags.count("style") == 1


@reports
def test_html_is_accessible_in_its_bones(report: Report) -> None:
    html = render_html(report)
    page = page_of(html)
    headings = [int(tag[1]) for tag in page.tags if re.fullmatch(r"h\d", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))
    assert page.tags.count("table") == page.tags.count("caption")
    assert page.tags.count("figure") == page.tags.count("figcaption")
    assert '<html lang="en">' in html
    assert 'href="#report"' in html
    assert 'id="report"' in html


def test_the_policy_admits_exactly_the_style_of_the_page() -> None:
    html = render_html(REPORT)
    style = html.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    [policy] = [value for value in page_of(html).values("content") if "default-src" in value]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


LOCAL = local_sample()
LOCAL_VTT = to_vtt(LOCAL.transcript)
SOUND = "./recording.opus"


def test_a_recording_can_be_heard_in_the_page() -> None:
    html = render_html(LOCAL.report, LOCAL_VTT, SOUND)
    assert f'<audio controls preload="none" src="{SOUND}">' in html
    assert any("media-src 'self' file:" in value for value in page_of(html).values("content"))
    assert 'data-second="215">3:35</a>' in html
    assert "<audio" not in render_html(LOCAL.report, LOCAL_VTT)
    assert "<audio" not in render_html(REPORT)


@pytest.mark.parametrize("sound", [None, SOUND])
@pytest.mark.parametrize("address", ["/media/talks/rent control.opus", "file:///media/talks/podcast.txt"])
def test_a_page_that_is_shared_holds_no_path_and_no_dead_link(address: str, sound: str | None) -> None:
    local = local_sample(address)
    html = render_html(local.report, LOCAL_VTT, sound)
    page = page_of(html)
    ids = {f"#{name}" for name in page.values("id")}
    assert set(page.values("href")) <= ids | {"https://www.youtube.com/watch?v=hearing22&t=75s"} | ELSEWHERE
    for text in (html, render_markdown(local.report)):
        assert "/media" not in text.replace("%2F", "/")
        assert "file://" not in text
        assert Path(address).name in text


ELSEWHERE = {"https://www.youtube.com/watch?v=older1&t=10s"}


def test_a_time_leads_to_the_words_in_the_page() -> None:
    """Every quote's link leads to the cue that holds its first word."""
    html = render_html(LOCAL.report, LOCAL_VTT)
    cues = re.findall(r'<li id="(c\d+)">.*?<span dir="auto"[^>]*>(.*?)</span>', html)
    assert len(cues) == len(LOCAL.transcript.segments)
    places = Places(LOCAL.report.content, cues=read_cues(LOCAL_VTT))
    for quote in quotes(LOCAL.report):
        [said] = [unescape(text) for name, text in cues if f"#{name}" == places.link(quote.start_s)]
        assert quote.text[:20] in said


def test_words_without_a_name_are_not_lent_that_of_the_speaker_before() -> None:
    said = (Segment(0, 1, "one", "Ann"), Segment(1, 2, "two", "Ann"), Segment(2, 3, "three"))
    html = render_html(LOCAL.report, to_vtt(Transcript(said, Origin.CAPTIONS, "x")))
    names = re.findall(r'<li id="c\d+">.*?<p>(?:<bdi class="who">(.*?)</bdi>)?', html)
    assert names == ["Ann", "", "Unknown speaker"]
    bare = render_html(LOCAL.report, to_vtt(Transcript(said[2:], Origin.CAPTIONS, "x")))
    assert re.findall(r'<li id="c\d+">.*?<p>(?:<bdi class="who">(.*?)</bdi>)?', bare) == [""]


def test_a_transcript_too_long_for_the_page_is_named_and_times_are_plain() -> None:
    vtt = to_vtt(Transcript(tuple(Segment(n, n + 1, "word") for n in range(MOST_CUES + 1)), Origin.ASR, "x"))
    html = render_html(LOCAL.report, vtt)
    assert "too long for this page" in html
    assert not re.search(r'class="time" href="#', html)


def test_an_item_with_an_address_needs_no_transcript_in_the_page() -> None:
    html = render_html(REPORT, LOCAL_VTT)
    assert 'id="transcript"' not in html
    assert html.count('class="talk"') > len(LOCAL.report.debate.speakers if LOCAL.report.debate else ())


def test_what_was_found_leads_to_its_place() -> None:
    page = page_of(render_html(CORRECTED))
    assert {f"#{place}" for _, number, place in tally(CORRECTED) if number} <= {
        f"#{name}" for name in page.values("id")
    }


VERDICT, HINT = view.checks(REPORT)[0].claim.quote, view.hints(REPORT)[0].quote
CORRECTED = with_corrections(
    REPORT,
    [
        correction(1, CorrectionKind.VERDICT, VERDICT, "refuted", note="The report says otherwise."),
        correction(2, CorrectionKind.HINT, HINT, UNFAIR),
        correction(3, CorrectionKind.SPEAKER, VERDICT, "Maya Ortiz", speaker=VERDICT.speaker),
        replace(correction(4, CorrectionKind.QUOTE, VERDICT, "other words"), quote="Nobody said this."),
    ],
)


@pytest.mark.parametrize("render", [render_markdown, render_html, lambda report: shown(report, 120)])
def test_a_correction_stands_beside_what_it_corrects_and_in_the_list_of_all(render: Callable[[Report], str]) -> None:
    text = " ".join(unescape(re.sub(r"<[^>]*>|[*\\]", "", render(CORRECTED))).split())
    right = "Correction by Eve, 2026-02-01: the verdict should be \u201cRefuted\u201d. The report says otherwise."
    assert text.count(right) == 2
    assert text.count("Correction by Eve, 2026-02-01: the hint is unfair.") == 2
    assert text.count("is Maya Ortiz.") == 1
    assert text.count("the words are \u201cother words\u201d. This revision no longer has what it corrects.") == 1


def test_a_name_that_a_reader_gave_is_the_only_one_in_the_page() -> None:
    assert VERDICT.speaker is not None
    assert CORRECTED.debate is not None  # its contradictions are with another item, of which nobody corrected a name
    html = render_html(replace(CORRECTED, debate=replace(CORRECTED.debate, contradictions=())), LOCAL_VTT)
    assert re.findall(rf">{VERDICT.speaker}<", html) == []
    assert ">Maya Ortiz<" in html


@pytest.mark.parametrize("nasty", NASTY)
def test_a_correction_brings_no_markup_into_a_page(nasty: str) -> None:
    made = replace(correction(1, CorrectionKind.VERDICT, VERDICT, nasty, note=nasty), by=nasty)
    report = with_corrections(REPORT, [made, replace(made, kind=CorrectionKind.SPEAKER, speaker="Maya")])
    html = page_of(render_html(report, contact=nasty))
    assert "script" not in html.tags
    assert "img" not in html.tags
    parsed = MarkdownIt("commonmark").enable("table").parse(render_markdown(report, contact=nasty))
    links = [str(t.attrs["href"]) for token in parsed for t in token.children or () if t.type == "link_open"]
    assert {urlsplit(link).netloc for link in links} <= HOSTS
    assert "\x1b" not in shown(report, 80)


def test_a_report_says_where_to_complain() -> None:
    for text in (render_html(REPORT, contact="desk@news.example"), render_markdown(REPORT, contact="the front desk")):
        assert "Is something wrong here? Write to " in text
    assert "Write to" not in render_html(REPORT)
    assert f"udib correct {REPORT.content.id}" in render_html(REPORT)


def test_an_earlier_statement_of_a_local_item_is_not_linked_into_this_one() -> None:
    assert REPORT.debate is not None
    pair = replace(view.contradictions(REPORT)[1], earlier_link="file:///talks/older.txt#t=10")
    report = replace(REPORT, debate=replace(REPORT.debate, contradictions=(pair,)))
    wrong = report.content.link(pair.earlier.start_s)
    [earlier] = re.findall(r"Earlier, in.*?</p>", render_html(report))
    assert "older.txt" not in render_html(report)
    between = render_html(report).partition(earlier)[2].partition("Later:")[0]
    assert wrong.replace("&", "&amp;") not in between
    row = render_markdown(report).partition("## Contradictions")[2].partition("##")[0]
    assert wrong not in row


def test_the_one_script_is_that_of_the_player_and_admitted_by_its_hash() -> None:
    html = render_html(LOCAL.report, LOCAL_VTT, SOUND)
    page = page_of(html)
    assert page.tags.count("script") == 1
    script = html.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    [policy] = [value for value in page.values("content") if "default-src" in value]
    assert f"script-src 'sha256-{digest}'; media-src" in policy
    assert "script" not in page_of(render_html(LOCAL.report, LOCAL_VTT)).tags


CLICKS = """
const [script, clicked] = JSON.parse(require("fs").readFileSync(0, "utf8"));
let listener, went = null;
const player = { currentTime: 0, play: () => clicked.broken ? Promise.reject(new Error()) : Promise.resolve() };
const document = { querySelector: () => player, addEventListener: (_, f) => { listener = f; } };
const window = { location: { set href(address) { went = address; } } };
new Function("document", "window", script)(document, window);
let stopped = false;
const link = clicked.second === null ? null
  : { getAttribute: (name) => ({ href: "#c8", "data-second": clicked.second })[name] };
const closest = (wanted) => wanted === "a[data-second]" ? link : null;
listener({ target: { closest }, ctrlKey: clicked.ctrl, preventDefault: () => { stopped = true; } });
setImmediate(() => console.log(JSON.stringify([player.currentTime, stopped, went])));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the script of the page")
@pytest.mark.parametrize(
    ("clicked", "outcome"),
    [
        ({"second": "215"}, [215, True, None]),
        ({"second": "215", "ctrl": True}, [0, False, None]),
        ({"second": "215", "broken": True}, [215, True, "#c8"]),
        ({"second": None}, [0, False, None]),
    ],
)
def test_a_click_on_a_time_moves_the_player(clicked: dict[str, object], outcome: list[object]) -> None:
    html = render_html(LOCAL.report, LOCAL_VTT, SOUND)
    script = html.partition("<script>")[2].partition("</script>")[0]
    given = json.dumps([script, clicked])
    done = subprocess.run(["node", "-e", CLICKS], input=given, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout) == outcome, done.stderr


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Source: WCAG 2.2, definition of contrast ratio."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark", "print"])
def test_text_has_the_contrast_of_wcag_aa(theme: int) -> None:
    css = (ROOT / "src/udib/delivery/templates/report.css").read_text()
    colours = dict(re.findall(r"--([\w-]+): (#\w+);", re.findall(r":root \{(.*?)\}", css, re.DOTALL)[theme]))
    inks = ["ink", "soft", "accent", "good", "bad", "mixed", "none", "hint"]
    pairs = [(ink, ground) for ink in inks for ground in ("paper", "card")]
    pairs += [("soft", "wash"), ("ink", "accent-wash"), ("ink", "line"), ("warn-ink", "warn-wash")]
    assert {pair: round(r, 2) for pair in pairs if (r := contrast(colours[pair[0]], colours[pair[1]])) < 4.5} == {}
    assert contrast(colours["talk"], colours["wash"]) >= 3  # what is drawn, not written


def shown(report: Report, width: int) -> str:
    console = Console(width=width, file=StringIO(), force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(render_terminal(report, width))
    return capture.get()


@reports
@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_terminal_page_fits_and_cannot_steer_the_terminal(report: Report, width: int) -> None:
    text = shown(report, width)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert all(len(line.rstrip()) <= width for line in text.splitlines() if line.isascii())


def test_the_terminal_page_says_what_the_others_say() -> None:
    text = " ".join(shown(sample(low_accuracy=True).report, 120).split())
    for part in ("Low-accuracy transcript", "Possibly a straw man", "Innocent reading", "and 4 more", "Longest chain"):
        assert part in text


def test_two_statements_stand_beside_each_other_where_there_is_room() -> None:
    assert re.search(r"Earlier 0:25 .*Later   3:35", shown(REPORT, 120))
    assert not re.search(r"Earlier 0:25 .*Later", shown(REPORT, 80))


def test_the_published_schema_is_the_one_in_use() -> None:
    """When this fails, write `udib.delivery.document.render_schema()` to the file and name the change."""
    assert (ROOT / "docs/report.schema.json").read_bytes() == render_schema()


@reports
def test_a_report_follows_the_schema(report: Report) -> None:
    schema = json.loads(render_schema())
    Draft202012Validator.check_schema(schema)
    document = json.loads(render_json(report))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []
    assert next(iter(document)) == "schema"


def test_another_version_does_not_follow_the_schema() -> None:
    document = json.loads(render_json(REPORT)) | {"schema": "udib.report/2"}
    assert not Draft202012Validator(json.loads(render_schema())).is_valid(document)


def test_webvtt_has_voices_and_cannot_be_broken_out_of() -> None:
    segments = (
        Segment(0.0, 1.5, "Hello & <b>welcome</b> --> here\n\nNOTE x", "A <b>"),
        Segment(3600.25, 3600.25, "no speaker"),
        Segment(3601.0, 3602.0, " \n "),
    )
    assert to_vtt(Transcript(segments, Origin.ASR, "x")) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n"
        "<v A &lt;b&gt;>Hello &amp; &lt;b&gt;welcome&lt;/b&gt; --&gt; here NOTE x\n\n"
        "01:00:00.250 --> 01:00:00.251\nno speaker\n"
    )


@given(
    st.lists(
        st.builds(
            lambda start, text, speaker: Segment(round(start, 3), round(start, 3) + 1, text, speaker),
            st.floats(0, 360_000),
            st.text(min_size=1).filter(lambda text: bool(clean(text))),
            st.none() | st.text(min_size=1).filter(lambda text: bool(clean(text))),
        ),
        max_size=5,
    )
)
def test_what_webvtt_says_is_read_back(said: list[Segment]) -> None:
    assert read_cues(to_vtt(Transcript(tuple(said), Origin.ASR, "x"))) == tuple(
        WrittenCue(each.start_s, round(each.start_s + 1, 3), each.speaker and clean(each.speaker), clean(each.text))
        for each in said
    )


def test_a_claim_that_is_made_again_names_the_other_places() -> None:
    assert REPORT.fact_checks is not None
    report = replace(REPORT, fact_checks=replace(REPORT.fact_checks, checks=REPORT.fact_checks.checks[-1:]))
    console = Console(width=200, record=True, file=StringIO())
    console.print(render_terminal(report, 200))
    pages = (
        " ".join("".join(page_of(render_html(report)).texts).split()),
        re.sub(r"\]\(<[^>]*>\)|[\[\\]", "", render_markdown(report)),
        console.export_text(),
    )
    for page in pages:
        assert "Said 3 times, also at: 0:35, 0:53 (Daniel)" in page
        assert "Also said in: City council hearing, part 2, Clerk, 1:15, " in page
        assert ", and 2 more" in page
