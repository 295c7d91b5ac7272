"""Settings of the engine: who does jobs, how much at once and how often, and how long anything may take."""

import os
from typing import Literal

from pydantic import Field, SecretStr

from udib.app.section import Section
from udib.core.gates import Limit
from udib.core.types import Platform

_LONGEST_S = 30 * 86_400


class LimitSettings(Section):
    """How much of a resource is used by all processes together."""

    at_once: int = Field(default=2, ge=1, le=1000, description="at the same time")
    per_minute: float | None = Field(default=None, gt=0, le=1e6, description="begun in a minute; null: no bound")

    @property
    def limit(self) -> Limit:
        """The same for the gates."""
        return Limit(self.at_once, self.per_minute)


_POLITE = LimitSettings(at_once=2, per_minute=30)


class LimitsSettings(Section):
    """What is used at once, and how much may wait."""

    waiting: int = Field(default=10_000, ge=1, le=10_000_000, description="most jobs that wait")
    waiting_of_one_tenant: int = Field(default=2000, ge=1, le=10_000_000, description="of these, jobs of one tenant")
    recognition: int | None = Field(default=None, ge=1, le=1000, description="on a machine; null: as its cores allow")
    youtube: LimitSettings = _POLITE
    twitch: LimitSettings = _POLITE
    tiktok: LimitSettings = _POLITE
    reddit: LimitSettings = _POLITE
    web: LimitSettings = LimitSettings(at_once=4, per_minute=120)
    provider: LimitSettings = LimitSettings(at_once=8)

    @property
    def platforms(self) -> dict[Platform, Limit]:
        """The limit of each platform that is reached over the network."""
        return {
            Platform.YOUTUBE: self.youtube.limit,
            Platform.TWITCH: self.twitch.limit,
            Platform.TIKTOK: self.tiktok.limit,
            Platform.REDDIT: self.reddit.limit,
            Platform.WEB: self.web.limit,
        }

    def recognitions(self, processes: int) -> Limit:
        """How many recordings are listened to at once, by so many processes each."""
        return Limit(self.recognition or max((os.cpu_count() or 1) // processes, 1))


class DeadlinesSettings(Section):
    """Seconds that a stage may take, and a whole job; waiting for one's turn does not count."""

    download_s: float = Field(default=3600, gt=0, le=_LONGEST_S)
    transcribe_s: float = Field(default=6 * 3600, gt=0, le=_LONGEST_S)
    analyse_s: float = Field(default=900, gt=0, le=_LONGEST_S, description="each analysis, and an answer")
    store_s: float = Field(default=900, gt=0, le=_LONGEST_S)
    notify_s: float = Field(default=60, gt=0, le=_LONGEST_S)
    job_s: float = Field(default=12 * 3600, gt=0, le=_LONGEST_S, description="all of it together")


class EngineSettings(Section):
    """Jobs, and who does them."""

    kind: Literal["local", "dbos"] = "local"
    postgres_url: SecretStr | None = Field(default=None, description="connection string; null: that of storage")
    jobs: int = Field(default=4, ge=1, le=1000, description="jobs at the same time in `udib worker`")
    of_one_tenant: int = Field(default=3, ge=1, le=1000, description="of these, jobs of one tenant")
    keep_days: float = Field(default=30, gt=0, le=36_500, description="days that ended jobs stay listed")
    limits: LimitsSettings = LimitsSettings()
    deadlines: DeadlinesSettings = DeadlinesSettings()
