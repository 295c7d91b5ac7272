"""The development data below EVAL_DATA_DIR: `analysis/SOURCES.md` there says what each set may be used for."""

import csv
import gzip
import json
import os
import sys
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import accumulate
from pathlib import Path
from typing import Any


def data(name: str) -> Path | None:
    """A file of the data; None, and a sentence, where it is not there."""
    folder = os.environ.get("EVAL_DATA_DIR")
    if folder is not None and (Path(folder) / name).is_file():
        return Path(folder) / name
    where = "EVAL_DATA_DIR is not set" if folder is None else f"{folder} has no {name}"
    print(f"{where}: its part was skipped, and its targets count as short", file=sys.stderr)
    return None


@dataclass(frozen=True, slots=True)
class Debate:
    """Lines as (speaker, sentence), and which of them fact-checkers took up."""

    name: str
    lines: tuple[tuple[str, str], ...]
    taken_up: tuple[bool, ...]


def debates(path: Path) -> list[Debate]:
    """The debates and speeches of CheckThat! 2019, in order of name."""
    found = []
    for name, text in sorted(_members(path, ".tsv").items()):
        rows = [line.split("\t") for line in text.splitlines() if line]
        lines = tuple((row[1], row[2]) for row in rows)
        found.append(Debate(name, lines, tuple(row[3].strip() == "1" for row in rows)))
    return found


@dataclass(frozen=True, slots=True)
class Motion:
    """One side of a motion: arguments, key points, and for (argument, key point) whether judges matched them.

    A pair without a label was undecided.
    """

    topic: str
    arguments: tuple[str, ...]
    points: tuple[str, ...]
    labels: dict[tuple[int, int], bool]


def motions(folder: Path, part: str) -> list[Motion]:
    """The sides of the motions of one part of ArgKP."""
    arguments, points, labels = (
        _rows(folder / f"{name}_{part}.csv.gz") for name in ("arguments", "key_points", "labels")
    )
    sides: defaultdict[tuple[str, str], tuple[list[dict[str, str]], list[dict[str, str]]]] = defaultdict(
        lambda: ([], [])
    )
    for row in arguments:
        sides[row["topic"], row["stance"]][0].append(row)
    for row in points:
        sides[row["topic"], row["stance"]][1].append(row)
    judged = {(row["arg_id"], row["key_point_id"]): row["label"] == "1" for row in labels}
    return [
        Motion(
            topic,
            tuple(row["argument"] for row in said),
            tuple(row["key_point"] for row in made),
            {
                (one, other): judged[argument["arg_id"], point["key_point_id"]]
                for one, argument in enumerate(said)
                for other, point in enumerate(made)
                if (argument["arg_id"], point["key_point_id"]) in judged
            },
        )
        for (topic, _), (said, made) in sides.items()
    ]


@dataclass(frozen=True, slots=True)
class Recording:
    """Utterances as (start, end, speaker, text), and at which of them topics begin, by two depths."""

    name: str
    utterances: tuple[tuple[float, float, str, str], ...]
    openings: dict[str, tuple[int, ...]]


def recordings(path: Path) -> list[Recording]:
    """The recordings of TinyRec, in order of name."""
    members = _members(path, ".json")
    found = []
    for name in sorted(name for name in members if not name.endswith("_anno")):
        entries = json.loads(members[name])[name]["entries"]
        notes = json.loads(members[f"{name}_anno"])[name]
        said = tuple(
            (float(each["start"]), float(each["end"]), str(each.get("user_id", "")), " ".join(each["doc"].split()))
            for each in entries
            if "doc" in each
        )
        # Annotators counted all entries; what happened on the screen is no utterance, so its number is the next one's.
        number = [0, *accumulate("doc" in each for each in entries)]
        openings = {
            depth: tuple(sorted({number[first] for first, *_ in notes[depth]} - {0, len(said)}))
            for depth in ("coarse", "fine")
        }
        found.append(Recording(name, said, openings))
    return found


@dataclass(frozen=True, slots=True)
class Judged:
    """A short argument with the name of its fallacy, "" for none."""

    text: str
    kind: str


def argotario(path: Path) -> list[Judged]:
    """The arguments of Argotario on whose fallacy the players' votes agree with the author."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    voted = [row for row in rows if row["Text"] and row["Intended Fallacy"] == row["Voted Fallacy"]]
    return [Judged(row["Text"], "" if row["Voted Fallacy"] == "No Fallacy" else row["Voted Fallacy"]) for row in voted]


def missci(path: Path) -> list[Judged]:
    """The fallacious premises of Missci, and beside each argument its accurate premise."""
    found = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for argument in (json.loads(line)["argument"] for line in lines):
            found.append(Judged(argument["accurate_premise_p0"]["premise"], ""))
            found += [
                Judged(premise["premise"], premise["class"])
                for fallacy in argument["fallacies"]
                for premise in fallacy["interchangeable_fallacies"]
                if premise["premise"].strip()
            ]
    return found


def _members(path: Path, ending: str) -> dict[str, str]:
    """Stem -> text of the files of an archive."""
    return dict(_texts(path, ending))


def _texts(path: Path, ending: str) -> Iterator[tuple[str, str]]:
    with tarfile.open(path) as archive:
        for member in archive:
            held = archive.extractfile(member) if member.name.endswith(ending) else None
            if held is not None:
                yield Path(member.name).stem, held.read().decode("utf-8")


def _rows(path: Path) -> list[dict[str, Any]]:
    return list(csv.DictReader(StringIO(gzip.decompress(path.read_bytes()).decode("utf-8"))))
