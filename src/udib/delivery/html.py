"""A report as one HTML page that needs nothing else: no request, light and dark, screen and paper.

There is no script but one, on the pages of recordings: a click on a time moves the player. It can be missed.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from udib.core.findings import Report
from udib.delivery import view
from udib.delivery.text import clean, language_tag, web_url
from udib.delivery.timeline import LEFT, WIDTH, findings_picture, stages_picture


def render_html(report: Report) -> str:
    """The whole report as a page. Its Content-Security-Policy admits its own style sheet and the local sound only.

    With the sound comes the one script, admitted by its hash.
    """
    style = _template_file("report.css")
    content = report.content
    sound = view.playable(content)
    script = _template_file("report.js") if sound is not None else ""
    return _template().render(
        report=report,
        content=content,
        view=view,
        style=style,
        script=script,
        sound=sound,
        policy=_policy(style, script),
        language=language_tag(report.transcript.language),
        original=web_url(content.url or "") or (view.file_url(content) if content.url is None else None),
        findings=findings_picture(report),
        stages=stages_picture(report.stages),
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
    return environment.get_template("report.html.jinja")


@cache
def _template_file(name: str) -> str:
    return files("udib.delivery").joinpath("templates", name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    player = f"; script-src '{_digest(script)}'; media-src 'self' file:" if script else ""
    return f"default-src 'none'; style-src '{_digest(style)}'{player}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
