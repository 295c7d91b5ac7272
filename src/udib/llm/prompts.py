"""Prompts: named, versioned templates, filled in a sandbox, with other people's words fenced off as data."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from udib.core.chat import Message, Role
from udib.core.errors import BadRequestError
from udib.llm.tokens import PER_MESSAGE, TokenCounter

if TYPE_CHECKING:
    from jinja2 import Environment

_SHIPPED: Final = Path(__file__).with_name("templates")
_FILE: Final = re.compile(r"\A(?P<name>[a-z][a-z0-9_]*)\.v(?P<version>\d+)\.j2")
_PART: Final = re.compile(r"^=== (system|user|assistant)[ \t]*\n", re.MULTILINE)
_CONTROL: Final = re.compile(
    r"<[|\uff5c][^|\uff5c>]{1,40}[|\uff5c]>|\[/?INST\]|<</?SYS>>|</?s>|</?(?:start|end)_of_turn>"
)
"""What the chat templates of models are made of: between fences, it is only text."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Somebody's words for a prompt. Of what does not fit, the lowest `priority` is left out first.

    Attributes:
        label: What the model cites it by, such as "1".
        text: The words.
        about: Who said it, where and when.
        priority: Higher is kept longer; equal ones are kept in their order.
    """

    label: str
    text: str
    about: str = ""
    priority: float = 0.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """A filled template.

    Attributes:
        name: Of the template.
        version: Of the template; one of the user's own directory counts as it is numbered there.
        digest: Of everything that is sent: 16 hex digits of a sha256.
        messages: What is sent.
        tokens: About how long that is.
        left_out: The labels of excerpts that did not fit.
    """

    name: str
    version: int
    digest: str
    messages: tuple[Message, ...]
    tokens: int
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Template:
    version: int
    path: Path


class PromptEngine:
    """Fills templates. A file `NAME.vN.j2` begins with the system's words; `=== user` begins the user's.

    Args:
        own: A directory whose templates go before the shipped ones of the same name, whatever their version.
        counter: Counts tokens.
    """

    def __init__(self, own: Path | None = None, counter: TokenCounter | None = None) -> None:
        self._found = {**_templates(_SHIPPED), **(_templates(own) if own is not None and own.is_dir() else {})}
        self._counter = counter or TokenCounter()
        self._environment: Environment | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The templates that there are."""
        return tuple(sorted(self._found))

    def version(self, template: str) -> str:
        """The version of a template and the beginning of its text's SHA-256, such as `v1 3fa2b1c0`."""
        found = self._found[template]
        return f"v{found.version} {hashlib.sha256(found.path.read_bytes()).hexdigest()[:8]}"

    def generate(self, template: str, variables: Mapping[str, Any], *, model: str | None = None) -> Prompt:
        """Fill a template.

        Args:
            template: Its name.
            variables: What it asks for; each that it names must be there. Other people's words belong into
                `build_with_context`.
            model: By whose tokens it is counted, as far as they are known; None: by the common estimate.

        Raises:
            BadRequestError: There is no such template, it is wrong, or a variable is missing.
        """
        return self._filled(template, variables, (), model)

    def build_with_context(
        self,
        template: str,
        variables: Mapping[str, Any],
        excerpts: Sequence[Excerpt],
        *,
        most_tokens: int,
        into: str = "passages",
        model: str | None = None,
    ) -> Prompt:
        """Fill a template with as many excerpts as fit, fenced, in their order.

        Args:
            template: Its name.
            variables: As in `generate`.
            excerpts: Other people's words.
            most_tokens: Longest prompt.
            into: The variable that the excerpts go into.
            model: As in `generate`; of several that may read it, `TokenCounter.wordiest`.

        Returns:
            The prompt; `left_out` names the excerpts that did not fit.

        Raises:
            BadRequestError: As in `generate`, or not even the best excerpt fits.
        """
        room = most_tokens - self.generate(template, {**variables, into: ""}, model=model).tokens
        kept: set[int] = set()
        for number, excerpt in sorted(enumerate(excerpts), key=lambda each: -each[1].priority):
            size = self._counter.count(fenced([excerpt]), model)
            if size <= room:
                kept.add(number)
                room -= size
        if excerpts and not kept:
            raise BadRequestError(
                f"Not even one passage fits into {most_tokens} tokens; choose a model with a longer context."
            )
        chosen = [each for number, each in enumerate(excerpts) if number in kept]
        left_out = tuple(each.label for number, each in enumerate(excerpts) if number not in kept)
        return self._filled(template, {**variables, into: fenced(chosen)}, left_out, model)

    def count_tokens(self, text: str, model: str | None = None) -> int:
        """About how many tokens a text has."""
        return self._counter.count(text, model)

    def _filled(self, name: str, variables: Mapping[str, Any], left_out: tuple[str, ...], model: str | None) -> Prompt:
        from jinja2 import TemplateError  # noqa: PLC0415 - loaded when a model is asked, and not before

        if name not in self._found:
            raise BadRequestError(f"There is no prompt {name!r}; there are {', '.join(self.names)}.")
        template = self._found[name]
        try:
            parts = _parts(template.path.read_text(encoding="utf-8"))
            filled = [(role, self._sandbox().from_string(source).render(**variables).strip()) for role, source in parts]
        except (TemplateError, OSError, UnicodeDecodeError) as exc:
            raise BadRequestError(f"The prompt {template.path} cannot be used ({exc}); correct it there.") from exc
        messages = tuple(Message(role, said) for role, said in filled if said)
        digest = hashlib.sha256("\0".join(f"{each.role}\0{each.content}" for each in messages).encode()).hexdigest()
        tokens = sum(self._counter.count(each.content, model) + PER_MESSAGE for each in messages)
        return Prompt(name, template.version, digest[:16], messages, tokens, left_out)

    def _sandbox(self) -> "Environment":
        if self._environment is None:
            from jinja2 import StrictUndefined  # noqa: PLC0415
            from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

            self._environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
        return self._environment


LONGEST_FENCE: Final = "0a" * 8
"""A mark that is as long in tokens as one can be."""


def fenced(excerpts: Sequence[Excerpt], mark: str | None = None) -> str:
    """Excerpts between fences that nothing in them can close.

    A fence carries a digest of all that it holds, so that nobody can write it beforehand; it is the same for the same
    excerpts, so that equal prompts stay equal. Signs that chat templates are made of are taken apart.

    Args:
        excerpts: What stands between them.
        mark: In place of the digest, where only the length counts.
    """
    held = [(each.label, _plain(each.about), _plain(each.text)) for each in excerpts]
    mark = mark or hashlib.sha256(repr(held).encode()).hexdigest()[:16]
    parts = [
        f"<passage-{mark} number={label!r}{f' about={about!r}' if about else ''}>\n{text}\n</passage-{mark}>"
        for label, about, text in held
    ]
    return "\n".join(parts)


def _plain(text: str) -> str:
    """A text in which nothing looks like a sign of a chat template."""
    return _CONTROL.sub(lambda found: " ".join(found[0]), text)


def _parts(source: str) -> Iterator[tuple[Role, str]]:
    """The turns of a template, cut before it is filled: no value can begin one."""
    first, *rest = _PART.split(source)
    yield "system", first
    for role, said in zip(rest[::2], rest[1::2], strict=True):
        yield cast("Role", role), said


def _templates(folder: Path) -> dict[str, _Template]:
    """The newest version of each template in a directory."""
    found: dict[str, _Template] = {}
    for path in sorted(folder.glob("*.j2")):
        if (named := _FILE.fullmatch(path.name)) is None:
            raise BadRequestError(f"{path} is named like no prompt; a name is NAME.vNUMBER.j2, such as answer.v2.j2.")
        there = _Template(int(named["version"]), path)
        if named["name"] not in found or found[named["name"]].version < there.version:
            found[named["name"]] = there
    return found
