"""Settings: read once, checked, frozen, handed down in sections. The only module that reads the environment.

Precedence: `config/*.yaml` of the package < the files of the same names in the configuration directory < well-known
names such as QDRANT_URL < environment `UDIB_SECTION__KEY` < arguments. The current directory is never searched.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import yaml
from platformdirs import user_config_path, user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from udib.core.errors import BadRequestError
from udib.core.tenancy import Scope

_PACKAGE = Path(__file__).parents[1]
_OWN = {"UDIB_CONFIG_DIR"}
_FILES = ("settings.yaml", "http.yaml")
SECRET_NAMES = ("OPENROUTER_API_KEY", "OPENAI_API_KEY", "DISCORD_WEBHOOK")
"""Well-known names that `udib doctor` mentions when it sees them; seeing one chooses nothing."""
_ALIASES = {"QDRANT_URL": ("memory", "qdrant_url"), "QDRANT_API_KEY": ("memory", "qdrant_api_key")}
"""Well-known names of single settings. They give a value, and choose nothing."""


class Section(BaseModel):
    """A group of settings. An unknown key stops the start."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class NetSettings(Section):
    """Network."""

    allow: tuple[str, ...] = Field(default=(), description="host:port of private servers that may be reached")


class ConnectionPoolSettings(Section):
    """Connections to other machines (config/http.yaml)."""

    limit: int = Field(default=100, ge=1, description="most connections at the same time")
    limit_per_host: int = Field(default=30, ge=1, description="most connections to one host")
    dns_cache_ttl: int = Field(default=300, ge=0, description="seconds that a name's addresses are kept")
    timeout: float = Field(default=30, gt=0, description="seconds of one request, from start to end")


class RetrySettings(Section):
    """When a request is made again (config/http.yaml)."""

    max_attempts: int = Field(default=3, ge=1, le=10, description="attempts, the first one included")
    backoff_factor: float = Field(default=2.0, ge=1, description="each wait is this much longer than the one before")
    retryable_statuses: tuple[int, ...] = (429, 502, 503, 504)


class HttpSettings(Section):
    """Outgoing requests (config/http.yaml)."""

    connection_pool: ConnectionPoolSettings = ConnectionPoolSettings()
    retry: RetrySettings = RetrySettings()


class SourcesSettings(Section):
    """Fetching."""

    max_megabytes: int = Field(default=4096, ge=1, description="most megabytes of one download")
    deadline_s: float = Field(default=3600, gt=0, description="most seconds of one download")
    language: str = Field(default="en", min_length=2, description="wanted caption language")


class TranscriptsSettings(Section):
    """Transcription."""

    engine: Literal["pocketsphinx"] = "pocketsphinx"
    processes: int = Field(default=2, ge=1, le=64, description="recognisers at work at the same time")


class MemorySettings(Section):
    """Vector memory."""

    index: Literal["edge", "qdrant"] = "edge"
    qdrant_url: str | None = Field(default=None, description="address of the Qdrant server; also QDRANT_URL")
    qdrant_api_key: SecretStr | None = Field(default=None, description="its key; also QDRANT_API_KEY")
    qdrant_grpc_port: int | None = Field(default=None, ge=1, le=65535, description="its gRPC port, for bulk")
    qdrant_prefix: str = Field(default="udib-", description="what udib's collections on it begin with")
    embedder: Literal["static"] = "static"
    linger_s: float = Field(default=20, ge=0, le=3600, description="seconds the store process stays when unused")


class AnalysisSettings(Section):
    """Analysis."""

    claims_per_hour: int = Field(default=60, ge=1, le=1000, description="most claims an hour of speech")
    hints_per_hour: int = Field(default=3, ge=0, le=100, description="most fallacy hints an hour of speech")


class LlmSettings(Section):
    """Language models. No version before the LLM room calls one; prices serve estimates."""

    provider: Literal["none", "openrouter", "openai"] = "none"
    model: str | None = None
    input_usd_per_million: float | None = Field(default=None, ge=0)
    output_usd_per_million: float | None = Field(default=None, ge=0)
    cap_request_usd: float = Field(default=0.10, ge=0)
    cap_day_usd: float = Field(default=1.00, ge=0)


class DeliverySettings(Section):
    """Delivery."""

    discord_webhook: SecretStr | None = None
    discord_tenant: str | None = Field(default=None, description="whose channel it is; null: the settings' tenant")
    discord_workspace: str | None = Field(default=None, description="and which workspace; null: the settings'")


class LogSettings(Section):
    """Logging."""

    level: Literal["debug", "info", "warning", "error"] = "warning"


class Settings(BaseSettings):
    """All settings. Load them with `load_settings`, which gives errors as sentences."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="UDIB_", env_nested_delimiter="__", env_file=None
    )

    data_dir: Path | None = None
    tenant: str = "default"
    workspace: str = "main"
    net: NetSettings = NetSettings()
    http: HttpSettings = HttpSettings()
    sources: SourcesSettings = SourcesSettings()
    transcripts: TranscriptsSettings = TranscriptsSettings()
    memory: MemorySettings = MemorySettings()
    analysis: AnalysisSettings = AnalysisSettings()
    llm: LlmSettings = LlmSettings()
    delivery: DeliverySettings = DeliverySettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the files, which come in as arguments."""
        return env_settings, init_settings

    @property
    def scope(self) -> Scope:
        """The operator's scope on the command line."""
        return Scope.of(self.tenant, self.workspace)

    @property
    def webhook_scope(self) -> Scope:
        """Whose reports go to the webhook. An argument such as --tenant does not change it; see `load_settings`."""
        return Scope.of(self.delivery.discord_tenant or self.tenant, self.delivery.discord_workspace or self.workspace)

    @property
    def data_path(self) -> Path:
        """Where everything is stored."""
        return (self.data_dir or user_data_path("udib")).expanduser().resolve()

    @property
    def runtime_path(self) -> Path | None:
        """Where sockets lie; None where the system has no such place, so that the adapter chooses a private one."""
        given = os.environ.get("XDG_RUNTIME_DIR")
        return Path(given) / "udib" if given else None


def config_dir(given: str | None = None) -> Path:
    """The user's configuration directory: the one given, else $UDIB_CONFIG_DIR, else the system's place for it."""
    chosen = given or os.environ.get("UDIB_CONFIG_DIR")
    return Path(chosen).expanduser() if chosen else user_config_path("udib")


def shipped_config_dir() -> Path:
    """The `config` folder of the package: inside an installed one, at the root of a checkout."""
    inside = _PACKAGE / "config"
    return inside if inside.is_dir() else _PACKAGE.parents[1] / "config"


def load_settings(directory: str | None = None, **overrides: object) -> Settings:
    """Read all settings.

    Args:
        directory: The configuration directory, if not the usual one.
        overrides: Top-level values that go before everything; None values are ignored.

    Raises:
        BadRequestError: A file cannot be read, a name is unknown, or a value is out of range; the sentence names it.
    """
    if directory is not None and not Path(directory).expanduser().is_dir():
        raise BadRequestError(
            f"The configuration directory {directory} does not exist; create it or leave --config out."
        )
    _refuse_unknown(os.environ)
    values: dict[str, Any] = {}
    for folder in (shipped_config_dir(), config_dir(directory)):
        for name in _FILES:
            values = merged(values, _read(folder / name))
    for name, (section, key) in _ALIASES.items():
        if given := os.environ.get(name):
            values = merged(values, {section: {key: given}})
    try:
        settings = Settings(**{name: value for name, value in values.items() if value is not None})
    except ValidationError as exc:
        raise BadRequestError(explain_settings(exc)) from exc
    # The channel stays that of the configured scope, whatever scope one command works in.
    channel = {"discord_tenant": settings.webhook_scope.tenant, "discord_workspace": settings.webhook_scope.workspace}
    settings = settings.model_copy(update={"delivery": settings.delivery.model_copy(update=channel)})
    changed: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    return settings.model_copy(update=changed)


def seen_secrets() -> tuple[str, ...]:
    """Names of provider keys that the environment holds. They choose nothing; `udib doctor` mentions them."""
    return tuple(name for name in SECRET_NAMES if os.environ.get(name))


def _refuse_unknown(variables: Mapping[str, str]) -> None:
    """A misspelt name stops the start; pydantic-settings would ignore it in silence."""
    for name in variables:
        if name.startswith("UDIB_") and name not in _OWN and not _known(name):
            raise BadRequestError(f"The environment variable {name} is no setting of udib; correct or unset it.")


def _known(name: str) -> bool:
    """Whether a variable names a setting: a path of sections that ends in a field."""
    fields = Settings.model_fields
    *sections, key = name.removeprefix("UDIB_").lower().split("__")
    for section in sections:
        kind = fields[section].annotation if section in fields else None
        if not (isinstance(kind, type) and issubclass(kind, Section)):
            return False
        fields = kind.model_fields
    return key in fields


def _read(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise BadRequestError(f"The settings file {path} cannot be read: {' '.join(str(exc).split())}") from exc
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise BadRequestError(f"The settings file {path} must hold names and values.")
    return loaded


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Nested values, those of `above` first."""
    result = dict(below)
    for name, value in above.items():
        inner = result.get(name)
        result[name] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result


def explain_settings(error: ValidationError) -> str:
    """One sentence a wrong setting, without its value (it may be a secret)."""
    sentences = []
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"])
        what = "is no setting of udib" if problem["type"] == "extra_forbidden" else problem["msg"]
        sentences.append(f"{name}: {what}")
    return f"The settings are wrong: {'; '.join(sentences)}. Correct them in settings.yaml or the environment."
