"""`models.yaml`: the models that may be chosen, what they cost by list, and the tasks that are told apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from udib.core.errors import BadRequestError
from udib.llm.cards import ModelCard

Price = Annotated[float, Field(ge=0, le=10_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class ModelCatalogue:
    """What `models.yaml` says.

    Attributes:
        as_of: When the list prices were looked up; what is billed counts, so old ones do little harm.
        tasks: The names of the tasks; calls of any other one are taken together.
        cards: The models.
    """

    as_of: date
    tasks: tuple[str, ...]
    cards: tuple[ModelCard, ...]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    context_tokens: Annotated[int, Field(ge=256)]
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    input_usd_per_million: Price | None = None
    output_usd_per_million: Price | None = None
    abilities: frozenset[Literal["json_schema", "tools"]] = frozenset()
    quality: Annotated[float, Field(ge=0, le=1)] = 0.5

    def card(self) -> ModelCard:
        """The model as the router wants it."""
        return ModelCard(
            self.name,
            self.context_tokens,
            self.input_usd_per_million,
            self.output_usd_per_million,
            self.max_output_tokens,
            "json_schema" in self.abilities,
            "tools" in self.abilities,
            self.quality,
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: date
    tasks: Annotated[list[Name], Field(max_length=32)]
    models: Annotated[list[_Model], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _named_once(self) -> "_File":
        names = [model.name for model in self.models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]} is there twice")
        return self


def read_models(document: Mapping[str, Any], path: Path) -> ModelCatalogue:
    """What the names and values of a `models.yaml` say.

    Args:
        document: What the file holds.
        path: Where it lies, for what is said of its faults.

    Raises:
        BadRequestError: It says something that a list of models cannot say.
    """
    try:
        found = _File.model_validate(document)
    except ValidationError as exc:
        first, *more = exc.errors()
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        others = f" and {len(more)} more" if more else ""
        raise BadRequestError(f"{path}: {place}: {first['msg']}{others}; correct it there.") from exc
    return ModelCatalogue(found.as_of, tuple(found.tasks), tuple(model.card() for model in found.models))
