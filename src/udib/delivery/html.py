"""A report as one HTML page that needs nothing else: no request, light and dark, screen and paper.

There is no script but one, on the pages of recordings: a click on a time moves the player. It can be missed.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from udib.core.findings import Report
from udib.delivery import audience, corrections, doubts, judged, meetings, repeats, shares, view
from udib.delivery.places import MOST_CUES, Places, anchor, whole
from udib.delivery.tally import gaps, tally
from udib.delivery.text import clean, language_tag, web_url
from udib.delivery.timeline import LEFT, WIDTH, findings_picture, stages_picture
from udib.delivery.vtt import read_cues, under_right_names


def render_html(report: Report, transcript_vtt: str = "", sound: str | None = None, contact: str = "") -> str:
    """The whole report as a page. Its Content-Security-Policy admits its own style sheet and the sound beside it only.

    With the sound comes the one script, admitted by its hash.

    Args:
        report: What the page shows.
        transcript_vtt: The words as `to_vtt` writes them. An item without a public address gets them in the page.
        sound: The address of the recording as seen from the page; None: the page has no player.
        contact: Where readers write to if something is wrong; empty: nowhere.
    """
    style = _template_file("report.css")
    content = report.content
    script = _template_file("report.js") if sound is not None else ""
    said = read_cues(under_right_names(transcript_vtt, report))
    cues = said if content.url is None else ()
    places = Places(content, sound, cues if len(cues) <= MOST_CUES else ())
    return _template().render(
        report=report,
        content=content,
        view=view,
        judged=judged,
        repeats=repeats,
        places=places,
        too_long=bool(cues) and not places.cues,
        style=style,
        script=script,
        policy=_policy(style, script),
        language=language_tag(report.transcript.language),
        original=web_url(content.url or ""),
        findings=findings_picture(report, places, said),
        corrections=corrections,
        doubts=doubts,
        contact=contact,
        found=tally(report),
        gaps=gaps(report.missing),
        stages=stages_picture(report.stages),
        speakers=shares.rows(report),
        meetings=meetings,
        audience=audience,
        met=meetings.met(report),
        shared=view.shared_reason(report),
        run=view.run_of(report.stages),
        width=WIDTH,
        left=LEFT,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("udib.delivery"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(clean=clean, clock=view.clock, words=view.words, web_url=web_url)
    environment.filters.update(anchor=anchor, whole=whole)
    return environment.get_template("report.html.jinja")


@cache
def _template_file(name: str) -> str:
    return files("udib.delivery").joinpath("templates", name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    player = f"; script-src '{_digest(script)}'; media-src 'self' file:" if script else ""
    return f"default-src 'none'; style-src '{_digest(style)}'{player}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
