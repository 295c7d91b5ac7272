"""Whether a transcript is English, as the rules of this room are, and which language it is otherwise."""

from collections import Counter
from itertools import chain, islice
from typing import Final

from udib.analysis.text import plain, word_set
from udib.core.speech import Transcript

SAMPLED_WORDS: Final = 3000
FEWEST_WORDS: Final = 20
_SAMPLED: Final = 10_000  # letters
_LATIN_END: Final = "\u0250"
LEAST_SHARE: Final = 0.2  # English speech has 0.35 to 0.6, German and Romance languages below 0.1

_FUNCTION_WORDS: Final = word_set(
    """a in the of and to
    that it is was for on are as with his they at be this have from or had by but what were we when
    your there can an which their if will how about then them these would like him has more two could no my than
    been who its now did get you he she i not do so just because our out up don't it's that's i'm"""
)
_FUNCTION_WORDS_OF: Final = {
    "de": word_set("der die das und ist nicht ich wir sie es ein eine den dem zu mit auf für von dass auch sind hat"),
    "fr": word_set("le la les et est pas je nous vous il elle un une des de du que qui dans pour avec sur c'est ce"),
    "es": word_set("el la los las y es no yo nosotros un una de del que en por para con se lo está son como más pero"),
    "it": word_set("il la i gli e è non io noi un una di del che in per con si lo sono come più ma della questo"),
    "pt": word_set("o a os as e é não eu nós um uma de do da que em por para com se mas mais são como isso"),
    "nl": word_set("de het een en is niet ik wij we ze van in op dat die voor met zijn aan ook maar er naar hebben"),
}
_CLEARLY: Final = 1.2
_KANA: Final = ("ja", "")
_SCRIPTS: Final = (
    ("\u0370", "\u03ff", "el", ""), ("\u0400", "\u04ff", "und", "Cyrillic"), ("\u0590", "\u05ff", "he", ""),
    ("\u0600", "\u06ff", "und", "Arabic"), ("\u0900", "\u097f", "und", "Devanagari"), ("\u0e00", "\u0e7f", "th", ""),
    ("\u3040", "\u30ff", *_KANA), ("\u4e00", "\u9fff", "zh", ""), ("\uac00", "\ud7af", "ko", ""),
)  # fmt: skip
"""First and last letter, the language if the letters tell it, else their name."""
_NAMES: Final = {
    "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch", "el": "Greek",
    "he": "Hebrew", "th": "Thai", "ja": "Japanese", "zh": "Chinese", "ko": "Korean", "ru": "Russian", "pl": "Polish",
    "ar": "Arabic", "hi": "Hindi", "uk": "Ukrainian", "tr": "Turkish", "sv": "Swedish",
}  # fmt: skip


def is_english(transcript: Transcript) -> bool:
    """Whether enough words are English function words.

    A transcript of a few words is what its source says it is; where it says nothing, Latin letters are enough to try.
    """
    if not _is_latin(transcript):
        return False
    words = _sample(transcript)
    if len(words) < FEWEST_WORDS:
        return transcript.language.casefold().startswith(("en", "und"))
    return sum(word in _FUNCTION_WORDS for word in words) >= LEAST_SHARE * len(words)


def language_of(transcript: Transcript) -> str:
    """English ("en") by its words, else what the source says, else by its words or letters; "und" if they do not tell.

    A few words prove nothing: of them it is what the source says.
    """
    says_english = transcript.language.casefold().startswith("en")
    if is_english(transcript):
        return "en" if says_english or transcript.word_count >= FEWEST_WORDS else "und"
    said = transcript.language.casefold()
    return _guessed(transcript) if says_english or said == "und" else transcript.language


def named(transcript: Transcript) -> str:
    """What a reader calls the language of a transcript that is not English."""
    code = language_of(transcript)
    letters = _letters(transcript)
    if code == "und" and letters is not None and letters[1]:
        return f"in {letters[1]} letters"
    return _NAMES.get(code.split("-")[0].casefold(), "in another language" if code == "und" else f'"{code}"')


def _guessed(transcript: Transcript) -> str:
    letters = _letters(transcript)
    if letters is not None:
        return letters[0]
    words = _sample(transcript)
    shares = sorted(((sum(word in known for word in words), code) for code, known in _FUNCTION_WORDS_OF.items()))
    (second, _), (best, code) = shares[-2:]
    return code if best >= LEAST_SHARE * len(words) > 0 and best > _CLEARLY * second else "und"


def _letters(transcript: Transcript) -> tuple[str, str] | None:
    """Language and name of the letters of most of a text; None for Latin ones."""
    found: Counter[tuple[str, str]] = Counter()
    for char in islice((char for segment in transcript.segments for char in segment.text), _SAMPLED):
        found.update((code, name) for first, last, code, name in _SCRIPTS if first <= char <= last)
    if not found or _is_latin(transcript):
        return None
    # Japanese has more signs of China than of its own.
    return _KANA if found[_KANA] else found.most_common(1)[0][0]


def _sample(transcript: Transcript) -> list[str]:
    """The first words, in lower case and without punctuation."""
    words = islice(chain.from_iterable(segment.text.split() for segment in transcript.segments), SAMPLED_WORDS)
    low = plain(" ".join(words))
    return [word.strip(".,;:!?\"'()[]\u201c\u201d\u00bf\u00a1") for word in low.split(" ")] if low else []


def _is_latin(transcript: Transcript) -> bool:
    """Whether most letters are Latin. Scripts without spaces have few words, however long the text is."""
    if all(segment.text.isascii() for segment in transcript.segments):
        return True
    letters = islice((char for segment in transcript.segments for char in segment.text if char.isalpha()), _SAMPLED)
    latin = [char < _LATIN_END for char in letters]
    return sum(latin) * 2 >= len(latin)
