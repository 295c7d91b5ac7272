"""Speak the example debates and fill in the times of their answer keys.

Usage: python scripts/make_examples.py FOLDER [FOLDER ...]

A folder holds one transcript, NAME.txt: a first line "# Title", an empty line, then one paragraph a turn,
"SPEAKER: text". Every sentence is spoken by flite (Debian: apt-get install flite), one voice a speaker, and the
result is written beside the transcript: NAME.opus (the recording), NAME.vtt (captions with the true times of that
recording) and, where the folder has a key.json, the `start_s` and `end_s` of each quote in it.
The same transcript always gives the same three files.
"""

import json
import re
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

VOICES = ("slt", "rms", "awb", "kal16")
RATE = 16_000  # what these four voices speak
BIT_RATE = 28_000
PAUSE_BETWEEN_SENTENCES_S = 0.25
PAUSE_BETWEEN_TURNS_S = 0.6
WORDS_A_CUE = 14

ABBREVIATIONS = ("St.", "Mr.", "Mrs.", "Ms.", "Dr.", "Prof.", "No.", "vs.", "U.S.", "U.K.", "D.C.")
SENTENCE_END = re.compile(r"(?<=[.!?])(?<![.!?][.!?])\"?\s+(?=[\"A-Z0-9$])")
TURN = re.compile(r"(?P<speaker>[^:\n]{1,40}):\s+(?P<text>.+)", re.DOTALL)

Samples = NDArray[np.int16]
Key = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """What one speaker says before the other one answers."""

    speaker: str
    text: str


@dataclass(frozen=True)
class Cue:
    """One caption: who says what from when until when, in seconds; `turn` counts from 0."""

    turn: int
    speaker: str
    text: str
    start_s: float
    end_s: float


def read_transcript(path: Path) -> tuple[str, tuple[Turn, ...]]:
    """Return the title and the turns of a transcript."""
    title, *paragraphs = re.split(r"\n\s*\n", path.read_text(encoding="utf-8").strip())
    if not title.startswith("# "):
        raise ValueError(f"{path}: the first line must be '# Title'")
    turns = []
    for paragraph in paragraphs:
        match = TURN.fullmatch(paragraph.strip())
        if match is None:
            raise ValueError(f"{path}: not a turn: {paragraph[:60]!r}")
        turns.append(Turn(match["speaker"].strip(), " ".join(match["text"].split())))
    return title[2:].strip(), tuple(turns)


def sentences(text: str) -> list[str]:
    """Split a turn into its sentences; an abbreviation such as "St." ends none."""
    found: list[str] = []
    start = 0
    for end in SENTENCE_END.finditer(text):
        piece = text[start : end.end()].strip()
        if not piece.endswith(ABBREVIATIONS):
            found.append(piece)
            start = end.end()
    found.append(text[start:].strip())
    return found


def caption_parts(sentence: str) -> list[str]:
    """Cut a sentence into parts of nearly equal length, none above WORDS_A_CUE words."""
    words = sentence.split()
    count = -(-len(words) // WORDS_A_CUE)
    edges = [round(len(words) * part / count) for part in range(count + 1)]
    return [" ".join(words[start:end]) for start, end in pairwise(edges)]


def cues_of(turn: int, speaker: str, sentence: str, start_s: float, end_s: float) -> Iterator[Cue]:
    """Give each part of a sentence its share of the time, by its number of characters."""
    parts = caption_parts(sentence)
    a_character_s = (end_s - start_s) / sum(len(part) for part in parts)
    for part in parts:
        part_end_s = start_s + a_character_s * len(part)
        yield Cue(turn, speaker, part, start_s, part_end_s)
        start_s = part_end_s


def speak(sentence: str, voice: str, scratch: Path) -> Samples:
    """Return the sound of one sentence; flite reads years, percentages and sums of money by itself."""
    sound = scratch / "sentence.wav"
    subprocess.run(["flite", "-voice", voice, "-t", sentence, "-o", str(sound)], check=True)
    with wave.open(str(sound)) as spoken:
        if (spoken.getframerate(), spoken.getnchannels(), spoken.getsampwidth()) != (RATE, 1, 2):
            raise ValueError(f"the voice {voice} does not speak {RATE} Hz mono in 16 bits")
        return np.frombuffer(spoken.readframes(spoken.getnframes()), dtype=np.int16)


def speak_all(turns: Sequence[Turn]) -> tuple[Samples, list[Cue]]:
    """Return the sound of the whole debate and its captions."""
    speakers = list(dict.fromkeys(turn.speaker for turn in turns))
    if len(speakers) > len(VOICES):
        raise ValueError(f"{len(speakers)} speakers, but only {len(VOICES)} voices")
    sound: list[Samples] = []
    cues: list[Cue] = []
    length = 0
    with tempfile.TemporaryDirectory() as scratch:
        for number, turn in enumerate(turns):
            pause_s = PAUSE_BETWEEN_TURNS_S if number else 0.0
            for sentence in sentences(turn.text):
                spoken = speak(sentence, VOICES[speakers.index(turn.speaker)], Path(scratch))
                silence = np.zeros(round(pause_s * RATE), dtype=np.int16)
                start = length + len(silence)
                length = start + len(spoken)
                sound += [silence, spoken]
                cues += cues_of(number, turn.speaker, sentence, start / RATE, length / RATE)
                pause_s = PAUSE_BETWEEN_SENTENCES_S
    return np.concatenate(sound), cues


def write_opus(path: Path, sound: Samples, title: str) -> None:
    """Write mono Ogg/Opus; "bitexact" keeps random stream numbers and version names out of the file."""
    with av.open(str(path), "w", format="opus", options={"fflags": "+bitexact"}) as container:
        container.metadata["title"] = title
        stream = container.add_stream("libopus", rate=RATE)
        stream.layout = "mono"
        stream.bit_rate = BIT_RATE
        stream.codec_context.options = {"application": "voip", "flags": "+bitexact"}
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def timestamp(seconds: float) -> str:
    """Write a time as WebVTT does: 00:01:02.345."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"


def vtt_of(cues: Sequence[Cue]) -> str:
    """Write captions as WebVTT, each with the name of its speaker."""
    blocks = [f"{timestamp(cue.start_s)} --> {timestamp(cue.end_s)}\n<v {cue.speaker}>{cue.text}</v>" for cue in cues]
    return "\n\n".join(["WEBVTT", *blocks]) + "\n"


def locate(quote: str, speaker: str | None, cues: Sequence[Cue]) -> tuple[float, float] | None:
    """Return the first moment at which a speaker says the quote within one turn, or None."""
    wanted = " ".join(quote.split())
    for turn in dict.fromkeys(cue.turn for cue in cues if speaker in {None, cue.speaker}):
        own = [cue for cue in cues if cue.turn == turn]
        first = " ".join(cue.text for cue in own).find(wanted)
        if first < 0:
            continue
        last = first + len(wanted) - 1
        starts = [sum(len(cue.text) + 1 for cue in own[:index]) for index in range(len(own))]
        begin = max(index for index, start in enumerate(starts) if start <= first)
        end = max(index for index, start in enumerate(starts) if start <= last)
        return round(own[begin].start_s, 2), round(own[end].end_s, 2)
    return None


def fill_times(node: object, cues: Sequence[Cue], speaker: str | None = None) -> list[str]:
    """Fill the times of every quote below `node`, in place; return the quotes that nobody says.

    An entry without a speaker of its own (the halves of a contradiction) has that of the entry around it. An entry
    that has no `end_s` field (a chapter) gets its start only.
    """
    if isinstance(node, list):
        return [quote for entry in node for quote in fill_times(entry, cues, speaker)]
    if not isinstance(node, dict):
        return []
    speaker = node.get("speaker", speaker)
    missing = [quote for entry in node.values() for quote in fill_times(entry, cues, speaker)]
    if "quote" in node:
        span = locate(node["quote"], speaker, cues)
        if span is None:
            return [*missing, node["quote"]]
        node["start_s"] = span[0]
        if "end_s" in node:
            node["end_s"] = span[1]
    return missing


def fill_key(path: Path, cues: Sequence[Cue]) -> list[str]:
    """Rewrite an answer key with its times; return what could not be placed."""
    key: Key = json.loads(path.read_text(encoding="utf-8"))
    missing = [f"not said: {quote}" for quote in fill_times(key, cues)]
    missing += [
        f"chapter without a quote: {entry['title']}" for entry in key.get("chapters", []) if "quote" not in entry
    ]
    path.write_text(json.dumps(key, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return missing


def make(folder: Path) -> list[str]:
    """Build the recording, the captions and the times of one folder; return what is wrong with its key."""
    transcripts = sorted(folder.glob("*.txt"))
    if len(transcripts) != 1:
        raise ValueError(f"{folder}: one transcript (*.txt) expected, {len(transcripts)} found")
    transcript = transcripts[0]
    title, turns = read_transcript(transcript)
    sound, cues = speak_all(turns)
    recording = transcript.with_suffix(".opus")
    write_opus(recording, sound, title)
    transcript.with_suffix(".vtt").write_text(vtt_of(cues), encoding="utf-8")
    print(f"{recording}: {len(sound) / RATE:.1f} s, {recording.stat().st_size / 1000:.0f} kB, {len(cues)} captions")
    key = folder / "key.json"
    return [f"{key}: {problem}" for problem in fill_key(key, cues)] if key.exists() else []


def main(folders: Sequence[str]) -> int:
    """Build every folder; 1 if a key does not fit its transcript, 2 if no folder was named."""
    if not folders:
        print(__doc__, file=sys.stderr)
        return 2
    problems = [problem for folder in folders for problem in make(Path(folder))]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
