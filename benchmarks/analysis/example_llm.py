"""The example debate through the LLM tier, with a scripted server that answers from the key: plumbing, not quality.

The whole product runs: `udib evidence add`, then `udib analyze` with claims, verdicts, fallacies and ledger by model.
What a model that is always right says has to reach the report; what is planted among it, numbers that were not shown,
figures, names and quotes that were not said, must not.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.analysis.example import EXAMPLES, example_transcript
from benchmarks.analysis.sizes import Measured, Sizes
from udib.analysis.passages import passages_of
from udib.analysis.scoring import same_words, score
from udib.analysis.sentences import sentences
from udib.analysis.stances import sentences_of
from udib.analysis.worded_claims import ClaimWording
from udib.core.findings import Claim
from udib.core.speech import Transcript
from udib.llm.prompts import Excerpt, fenced
from udib.testing.chat_server import ScriptedReply, chat_server

PLANTED: Final = "Xanadu"
_NAME: Final = "rent-control"
_SAYS: Final = {"true": "supports", "false": "refutes"}
_LABELS: Final = {"true": "supported", "false": "refuted"}
_BY_MODEL: Final = json.dumps(["claims", "verdicts", "fallacies", "debate"])
_Json = dict[str, Any]


def measure(_: Sizes) -> Measured:
    """All figures of this part."""
    key = json.loads((EXAMPLES / _NAME / "key.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        return _figures(key, _report(key, Path(folder)))


def _report(key: _Json, folder: Path) -> _Json:
    """The report that the product makes with a model that goes by the key."""
    papers = folder / "papers"
    papers.mkdir()
    for number, claim in enumerate(key["claims"]):
        (papers / f"{number}.txt").write_text(claim["fact"], encoding="utf-8")
    [captions] = (EXAMPLES / _NAME).glob("*.vtt")
    analyze = ("analyze", str(captions), "--json", "--quiet")
    _udib(folder, {}, "evidence", "add", str(papers), "--publisher", "Key", "--date", "2025-01-01", "--quiet")
    found = json.loads(_udib(folder, {}, *analyze))
    with chat_server(*_script(key, found["fact_checks"]["checks"])) as server:
        named = {
            "UDIB_LLM__PROVIDER": "endpoint", "UDIB_LLM__BASE_URL": server.base_url, "UDIB_LLM__MODEL": "key",
            "UDIB_LLM__INPUT_USD_PER_MILLION": "0", "UDIB_LLM__OUTPUT_USD_PER_MILLION": "0",
            "UDIB_ANALYSIS__BY_MODEL": _BY_MODEL, "UDIB_ANALYSIS__HINTS_PER_HOUR": "10",
            "UDIB_ANALYSIS__CLAIMS_JUDGED": "60",
        }  # fmt: skip
        report: _Json = json.loads(_udib(folder, named, *analyze))
    return report


def _udib(folder: Path, settings: Mapping[str, str], *arguments: str) -> str:
    """What a command prints, with none of this machine's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("UDIB_", "OPENAI", "OPENROUTER"))}
    command = [sys.executable, "-m", "udib.app.start", *arguments, "--data-dir", str(folder / "data")]
    env = {**kept, "UDIB_CONFIG_DIR": str(folder), **settings}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout


def _is(said: str, quote: str) -> bool:
    """Whether a sentence is the one of a quote of the key."""
    return quote.rstrip(".") in said or said in quote


def _says(when: str, **answer: object) -> ScriptedReply:
    return ScriptedReply(text=json.dumps(answer), when=json.dumps(when, ensure_ascii=False)[1:-1])


def _script(key: _Json, checks: Sequence[_Json]) -> Iterator[ScriptedReply]:
    """What the model says of each question, the first that fits."""
    transcript = example_transcript(_NAME)
    yield from _stances(key, checks)
    yield from _fallacies(key, transcript)
    yield from _claims(key, transcript, {check["claim"]["quote"]["text"] for check in checks})
    yield _points(key, transcript)
    fair = dict.fromkeys(["argument", "evidence", "clash", "conduct"], "fair")
    yield _says("You read two speeches", first=fair, second=fair)
    yield ScriptedReply(text=f"{PLANTED} asks nobody this.")


def _stances(key: _Json, checks: Sequence[_Json]) -> Iterator[ScriptedReply]:
    """Of a claim and its own fact what the key says; of all others a sentence that was not shown."""
    for check in checks:
        claim = check["claim"]["quote"]["text"]
        known = next((each for each in key["claims"] if _is(claim, each["quote"])), None)
        for piece in check["evidence"]:
            shown = sentences_of(piece["text"])
            if known is not None and same_words(piece["text"], known["fact"]):
                stance = _SAYS.get(known["truth"], "neither")
                excerpts = [Excerpt("claim", claim), *(Excerpt(str(n), text) for n, text in enumerate(shown, 1))]
                yield _says(fenced(excerpts), stance=stance, strength="strong", sentences=[1])
    yield _says("You compare one claim", stance="supports", strength="strong", sentences=[99])


def _fallacies(key: _Json, transcript: Transcript) -> Iterator[ScriptedReply]:
    """The fallacies of the key; of all other sentences one whose premise was not shown."""
    yield _says("Somebody says that sentence", better="fallacy")
    for number, sentence in enumerate(sentences(transcript), 1):
        for known in key["fallacies"]:
            if _is(sentence.text, known["quote"]):
                yield _says(
                    f"You look at one sentence of a recorded talk, number {number}.",
                    premise=number, conclusion=number, innocent_reading=known["innocent_reading"], kind=known["kind"],
                )  # fmt: skip
    yield _says(
        "You look at one sentence", premise=999, conclusion=999, innocent_reading=f"{PLANTED}.", kind="straw_man"
    )


def _claims(key: _Json, transcript: Transcript, found: set[str]) -> Iterator[ScriptedReply]:
    """Each window: the claims of the key as they are, the other sentences as no claims, and two that are made up."""
    said = [each for each in sentences(transcript) if each.text in found]
    for window in ClaimWording(transcript).windows([Claim(each.quote, 1.0) for each in said]):
        drafted: list[_Json] = [{"number": 999, "checkable": "yes", "claims": [f"{PLANTED} has rents."]}]
        for number in window.wanted:
            text = window.shown[number].text
            is_claim = any(_is(text, each["quote"]) for each in key["claims"])
            claims = [text, f"{text} {PLANTED} says 999 percent."] if is_claim else []
            drafted.append({"number": number, "checkable": "yes" if is_claim else "no", "claims": claims})
        wanted = ", ".join(map(str, window.wanted))
        yield _says(f"You are asked about the sentences {wanted};", sentences=drafted)


def _points(key: _Json, transcript: Transcript) -> ScriptedReply:
    """The clashes of the key as points with their answers, and one of each kind that was not said."""
    passages = passages_of(transcript)

    def passage(side: _Json) -> int:
        return next(each.number for each in passages if each.start_s <= side["start_s"] + 0.01 < each.end_s)

    points = [
        {"raised": passage(clash["a"]), "words": clash["a"]["quote"], "answers": [passage(clash["b"]), 999]}
        for clash in key["clashes"]
    ]
    planted = [{"raised": 999, "words": PLANTED, "answers": []}, {"raised": 1, "words": PLANTED, "answers": [2]}]
    return _says("You keep the ledger", points=[*points, *planted])


def _figures(key: _Json, report: _Json) -> Measured:
    checks = report["fact_checks"]["checks"]
    kept = [each for each in checks if (each["not_judged"] or {}).get("reason") != "not_checkable"]
    claims = score(
        [each["claim"]["quote"]["text"] for each in kept], [each["quote"] for each in key["claims"]], same_words
    )
    hints = score(
        [each["quote"]["text"] for each in report["fallacies"]["hints"]],
        [each["quote"] for each in key["fallacies"]],
        same_words,
    )
    points = score(
        [point for point in report["ledger"]["points"] if point["answers"]],
        key["clashes"],
        lambda point, clash: same_words(point["raised"]["text"], clash["a"]["quote"]),
    )
    judged = [
        (each["verdict"]["label"], _LABELS[known["truth"]])
        for each in kept
        for known in key["claims"]
        if each["verdict"] and known["truth"] in _LABELS and same_words(each["claim"]["quote"]["text"], known["quote"])
    ]
    right = sum(label == wanted for label, wanted in judged)
    dropped = sum(each["count"] for gate in report["gates"] for each in gate["dropped"])
    shown = json.dumps(report).count(PLANTED)
    plumbing = "a scripted server that goes by the key: plumbing, not quality"
    return [
        ("example_llm_claims_precision", claims.precision, "", f"{claims}; {plumbing}"),
        ("example_llm_claims_recall", claims.recall, "", f"{claims}; the rules choose what a model is shown"),
        (
            "example_llm_verdicts_right",
            right / max(len(judged), 1),
            "",
            f"{right} of {len(judged)} with evidence; {plumbing}",
        ),
        ("example_llm_hints_precision", hints.precision, "", f"{hints}; {plumbing}"),
        ("example_llm_hints_recall", hints.recall, "", f"{hints}; {plumbing}"),
        ("example_llm_points_recall", points.recall, "", f"{points}; {plumbing}"),
        (
            "example_llm_planted_shown",
            shown,
            "",
            f"made up and planted in every answer; {dropped} dropped by the gates",
        ),
    ]
