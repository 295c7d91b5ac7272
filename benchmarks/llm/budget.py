"""What a cap and a redaction cost: a call's two transactions in the ledger, and the look through what is asked.

Redaction is measured on forty hours of meetings, where nobody gives away an address or a number: whatever is found
there is taken for private without being so. The same meetings are looked through again with a detail put into every
tenth turn, to see how many are found.
"""

import asyncio
import gzip
import json
import os
import statistics
import time
from pathlib import Path
from random import Random
from typing import Final, Literal

from benchmarks.llm.sizes import FULL, Measured, Sizes
from benchmarks.memory.stores import progress, scratch
from udib.core.chat import ChatRequest, Completion, Message, Purpose, TokenUsage
from udib.core.spending import Caps
from udib.core.tenancy import Scope
from udib.llm.budget import BudgetedChatModel
from udib.llm.cards import ModelCard
from udib.llm.private_details import private_details
from udib.llm.redaction import RedactingChatModel
from udib.storage.database import Database
from udib.storage.ledger import SCHEMA, SqliteLedger
from udib.testing.fakes import FakeChatModel

_PURPOSE: Final = Purpose(Scope.of("bench", "main"), "answer")
_CARD: Final = ModelCard("m", 100_000, 0.15, 0.6)
_WORDS_A_MINUTE: Final = 150
_PROMPT_CHARACTERS: Final = 20_000
_WRITTEN: Final = (
    "mail {name}@example.org", "she is at {name}.{name}@mail.example.co.uk", "call (212) 736-{four}", "650-253-{four}",
    "her number is 415.555.{four}", "+1 212 736 {four}", "+44 20 7946 {four}", "020 7031 {four}", "+49 30 90{four}",
    "he lives at {house} Elm Street", "{house} Main St, Springfield, IL 62701", "PO Box {house}, Austin, TX 78701",
    "{house} Fifth Avenue, New York, NY 10118", "{house} Baker Street, London NW1 6XE", "5555555555554444",
    "the card 4111 1111 1111 1111", "3782 822463 10005", "to DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432",
)  # fmt: skip
"""Details as they are written."""


def measure(sizes: Sizes) -> Measured:
    """All figures of this part; of redaction none without the data."""
    calls = sizes.hits
    progress(f"ledger: {calls} calls, and as many to the disk")
    with scratch() as folder:
        figures = asyncio.run(_ledger(folder, calls))
    data = os.environ.get("EVAL_DATA_DIR")
    if data is None:
        print("EVAL_DATA_DIR is not set: redaction was skipped, and its targets count as short")
        return figures
    turns = _turns(Path(data) / "retrieval/qmsum-val.jsonl.gz")[: None if sizes == FULL else 2_000]
    progress(f"redaction of {len(turns)} turns")
    return [*figures, *_redaction(turns)]


async def _ledger(folder: Path, calls: int) -> Measured:
    synced: tuple[Literal["NORMAL", "FULL"], ...] = ("NORMAL", "FULL")
    figures: Measured = []
    for synchronous in synced:
        database = Database(folder / f"{synchronous}.db", SCHEMA, synchronous=synchronous)
        ledger = SqliteLedger(database)
        both = []
        for _ in range(calls):
            began = time.perf_counter()
            number = await ledger.reserve(_PURPOSE, "m", 1e-4, day_cap_usd=1e3)
            await ledger.settle(number, 1e-5)
            both.append(time.perf_counter() - began)
        figures.append((
            f"ledger_reserve_and_settle_{synchronous.lower()}_us", 1e6 * statistics.median(both), "us",
            f"p99 {1e6 * _p99(both):.0f} us, synchronous={synchronous}",
        ))  # fmt: skip
        if synchronous == "NORMAL":
            figures.append(await _budgeted(ledger, calls))
        await database.close()
    return figures


async def _budgeted(ledger: SqliteLedger, calls: int) -> tuple[str, float, str, str]:
    inner = FakeChatModel([Completion("Yes.", "m", usage=TokenUsage(500, 20))])
    caps = Caps(request_usd=1.0, day_usd=1e3)
    model = BudgetedChatModel(inner, ledger, {"m": _CARD}, prompt_tokens=lambda _: 500, caps=caps)
    request = ChatRequest([Message("user", "Did she?")], model="m")
    took = []
    for _ in range(calls):
        began = time.perf_counter()
        await model.complete(request, _PURPOSE)
        took.append(time.perf_counter() - began)
    return "budgeted_call_us", 1e6 * statistics.median(took), "us", f"p99 {1e6 * _p99(took):.0f} us, with the call"


def _redaction(turns: list[str]) -> Measured:
    text = "\n".join(turns)
    hours = len(text.split()) / _WORDS_A_MINUTE / 60
    began = time.perf_counter()
    wrong = len(private_details(text))
    rate = len(text.encode()) / 1e6 / (time.perf_counter() - began)
    captions = "".join(_cue(number, turn) for number, turn in enumerate(turns))
    began = time.perf_counter()
    wrong_in_captions = len(private_details(captions))
    caption_rate = len(captions.encode()) / 1e6 / (time.perf_counter() - began)
    found, written = _planted(turns)
    told = f"{hours:.1f} hours of meetings"
    return [
        ("redaction_mb_per_s", rate, "MB/s", told),
        ("redaction_of_captions_mb_per_s", caption_rate, "MB/s", "the same with two times a turn"),
        ("redaction_wrong_per_hour", (wrong + wrong_in_captions) / (2 * hours), "1/h", f"{told}, and as captions"),
        ("redaction_found", found / written, "", f"of {written} details in {len(_WRITTEN)} forms"),
        ("redacted_call_ms", asyncio.run(_redacted_call(text[:_PROMPT_CHARACTERS])), "ms", "20,000 characters asked"),
    ]


def _cue(number: int, turn: str) -> str:
    start, end = (
        f"{at // 3600:02d}:{at // 60 % 60:02d}:{at % 60:02d}.{at * 37 % 1000:03d}" for at in (number, number + 3)
    )
    return f"{start} --> {end}\n[{number}.{number % 10}] {turn}\n\n"


def _planted(turns: list[str]) -> tuple[int, int]:
    """How many details are found with nothing else, of how many that were written into every tenth turn."""
    random, found, written = Random(7), 0, 0
    for turn in turns[::10]:
        form = random.choice(_WRITTEN)
        detail = form.format(name=random.choice(["ann", "bob.o", "x_1"]), four=f"{random.randrange(1000, 9999)}",
                             house=random.randrange(1, 999))  # fmt: skip
        first, _, rest = turn.partition(" . ")
        said = f"{first} . {detail}. {rest}"
        at = len(first) + 3
        written += 1
        found += any(at <= each.start < each.end <= at + len(detail) for each in private_details(said))
    return found, written


async def _redacted_call(prompt: str) -> float:
    model = RedactingChatModel(FakeChatModel(["Yes."]))
    request = ChatRequest([Message("user", prompt)], model="m")
    took = []
    for _ in range(20):
        began = time.perf_counter()
        await model.complete(request, _PURPOSE)
        took.append(time.perf_counter() - began)
    return 1e3 * statistics.median(took)


def _turns(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [f"{speaker}: {said}" for line in lines for speaker, said in json.loads(line)["turns"]]


def _p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]
