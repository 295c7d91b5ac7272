"""The settings of how long what finished runs leave is kept."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from udib.pipeline.sweep import Retention

_DAY_S = 86_400.0


class RetentionSettings(BaseModel):
    """How long what finished runs leave is kept, beside their reports."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    media_days: float | None = Field(default=30, gt=0, le=36_500, description="what was fetched; null: until forgotten")
    words_days: float | None = Field(default=None, gt=0, le=36_500, description="what was heard; null: until forgotten")

    @property
    def retention(self) -> Retention:
        """The same in seconds."""
        media, words = (None if days is None else days * _DAY_S for days in (self.media_days, self.words_days))
        return Retention(media, words)
