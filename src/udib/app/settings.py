"""Settings: read once, checked, frozen, handed down in sections. The only module that reads the environment.

Precedence: `config/*.yaml` of the package < the files of the same names in the configuration directory < well-known
names such as QDRANT_URL < environment `UDIB_SECTION__KEY` < arguments. The current directory is never searched.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeGuard, get_origin

from platformdirs import user_config_path, user_data_path
from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from udib.app.config_file import read_config
from udib.app.engine_settings import EngineSettings
from udib.app.evidence_settings import EvidenceSettings
from udib.app.retention import RetentionSettings
from udib.app.section import Section
from udib.core.errors import BadRequestError
from udib.core.tenancy import Scope
from udib.llm.cache_policy import CachePolicy

_PACKAGE = Path(__file__).parents[1]
_OWN = {"UDIB_CONFIG_DIR"}
_LISTS = (tuple, frozenset)
ModelTask = Literal["summary", "claims", "verdicts", "fallacies", "debate", "winner"]
_FILES = ("settings.yaml", "http.yaml", "cache.yaml")
SECRET_NAMES = ("OPENROUTER_API_KEY", "OPENAI_API_KEY", "DISCORD_WEBHOOK")
"""Well-known names that `udib doctor` mentions when it sees them; seeing one chooses nothing."""
_ALIASES = {
    "QDRANT_URL": ("memory", "qdrant_url"),
    "QDRANT_API_KEY": ("memory", "qdrant_api_key"),
    "REDIS_URL": ("llm_cache", "redis_url"),
    "DATABASE_URL": ("storage", "postgres_url"),
    "AWS_ACCESS_KEY_ID": ("storage", "s3_key"),
    "AWS_SECRET_ACCESS_KEY": ("storage", "s3_secret"),
}
"""Well-known names of single settings. They give a value, and choose nothing."""


class NetSettings(Section):
    """Network."""

    allow: tuple[str, ...] = Field(default=(), description="host:port of private servers that may be reached")


class ConnectionPoolSettings(Section):
    """Connections to other machines (config/http.yaml)."""

    limit: int = Field(default=100, ge=1, le=10_000, description="most connections at the same time")
    limit_per_host: int = Field(default=30, ge=1, le=10_000, description="most connections to one host")
    dns_cache_ttl: int = Field(default=300, ge=0, le=86_400, description="seconds that a name's addresses are kept")
    timeout: float = Field(default=30, gt=0, le=86_400, description="seconds of one request, from start to end")


class RetrySettings(Section):
    """When a request is made again (config/http.yaml)."""

    max_attempts: int = Field(default=3, ge=1, le=10, description="attempts, the first one included")
    backoff_factor: float = Field(default=2.0, ge=1, le=100, description="each wait is this much longer than the last")
    retryable_statuses: tuple[int, ...] = (429, 502, 503, 504)


class HttpSettings(Section):
    """Outgoing requests (config/http.yaml)."""

    connection_pool: ConnectionPoolSettings = ConnectionPoolSettings()
    retry: RetrySettings = RetrySettings()


class SourcesSettings(Section):
    """Fetching."""

    max_megabytes: int = Field(default=4096, ge=1, le=1_000_000, description="most megabytes of one download")
    language: str = Field(default="en", min_length=2, description="wanted caption language")


class TranscriptsSettings(Section):
    """Transcription."""

    engine: Literal["pocketsphinx"] = "pocketsphinx"
    processes: int = Field(default=2, ge=1, le=64, description="recognisers at work at the same time")


class StorageSettings(Section):
    """Records and artifacts."""

    keep: RetentionSettings = RetentionSettings()
    keep_of_tenants: dict[str, RetentionSettings] = Field(default={}, description="of tenants that have their own")
    catalogue: Literal["sqlite", "postgres"] = "sqlite"
    postgres_url: SecretStr | None = Field(default=None, description="connection string; also DATABASE_URL")
    postgres_schema: str = Field(
        default="udib_records", pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="of its tables"
    )
    postgres_connections: int = Field(default=8, ge=1, le=1000, description="most connections of one process")
    artifacts: Literal["directory", "s3"] = "directory"
    s3_endpoint: str | None = Field(default=None, description="address of the S3 store; null: Amazon's")
    s3_bucket: str | None = Field(default=None, min_length=3, max_length=63, description="its bucket")
    s3_prefix: str = Field(default="udib", description="what the names in the bucket begin with")
    s3_region: str = Field(default="us-east-1", min_length=1, description="the bucket's")
    s3_key: SecretStr | None = Field(default=None, description="also AWS_ACCESS_KEY_ID; null: the machine's role")
    s3_secret: SecretStr | None = Field(default=None, description="also AWS_SECRET_ACCESS_KEY")


class MemorySettings(Section):
    """Vector memory."""

    index: Literal["edge", "qdrant", "postgres"] = "edge"
    qdrant_url: str | None = Field(default=None, description="address of the Qdrant server; also QDRANT_URL")
    qdrant_api_key: SecretStr | None = Field(default=None, description="its key; also QDRANT_API_KEY")
    qdrant_grpc_port: int | None = Field(default=None, ge=1, le=65535, description="its gRPC port, for bulk")
    qdrant_prefix: str = Field(default="udib-", description="what udib's collections on it begin with")
    postgres_url: SecretStr | None = Field(default=None, description="connection string; of no effect on another index")
    postgres_schema: str = Field(default="udib", pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="of its tables")
    embedder: Literal["static", "endpoint", "fastembed", "sentence-transformers"] = "static"
    embedding_url: str | None = Field(
        default=None, description="OpenAI-compatible server, such as http://host:11434/v1"
    )
    embedding_model: str | None = Field(default=None, description="the model's name there")
    embedding_dimension: int | None = Field(default=None, ge=1, le=65_536, description="numbers in one of its vectors")
    embedding_api_key: SecretStr | None = None
    linger_s: float = Field(default=20, ge=0, le=3600, description="seconds the store process stays when unused")
    similar_from: float = Field(default=0.85, ge=0, le=1, description="cosine that makes a passage bear on a question")
    search_cache_entries: int = Field(default=1000, ge=0, le=1_000_000, description="search results kept at most")
    search_cache_megabytes: int = Field(default=32, ge=1, le=65_536, description="and their size at most")
    search_cache_ttl_s: float = Field(default=300, ge=0, le=86_400, description="seconds a search result is kept")
    quota: int | None = Field(default=None, ge=1, description="most records of one tenant; null: no bound")
    retention_days: float | None = Field(default=None, gt=0, le=36_500, description="null: until they are forgotten")
    queue_megabytes: int = Field(default=0, ge=0, le=65_536, description="of writes that wait for a server; 0: none")


class AnalysisSettings(Section):
    """Analysis."""

    claims_per_hour: int = Field(default=60, ge=1, le=1000, description="most claims an hour of speech")
    hints_per_hour: int = Field(default=0, ge=0, le=100, description="most fallacy hints an hour of speech; 0: none")
    by_model: tuple[ModelTask, ...] = Field(default=("summary", "claims", "verdicts"), description="what a model does")
    claims_judged: int = Field(default=20, ge=1, le=1000, description="most claims of an item that a model judges")


class LlmSettings(Section):
    """Language models. None is asked before `provider` names where."""

    provider: Literal["none", "openrouter", "openai", "endpoint"] = "none"
    base_url: str | None = Field(default=None, description="of an endpoint, such as http://localhost:11434/v1")
    api_key: SecretStr | None = Field(default=None, description="also OPENROUTER_API_KEY, OPENAI_API_KEY")
    model: str | None = Field(default=None, min_length=1, description="the only one to ask; null: the router chooses")
    context_tokens: int = Field(default=16_384, ge=256, description="of a model that models.yaml does not know")
    input_usd_per_million: float | None = Field(
        default=None, ge=0, le=1e6, description="of a model that models.yaml lacks"
    )
    output_usd_per_million: float | None = Field(
        default=None, ge=0, le=1e6, description="of a model that models.yaml lacks"
    )
    models: str | None = Field(default=None, description="a file of models; null: models.yaml beside the settings")
    allow_unpriced: bool = Field(default=False, description="whether models of unknown price are asked")
    cap_request_usd: float = Field(default=0.10, ge=0, le=1e6, description="most that one request may cost")
    cap_day_usd: float = Field(default=1.00, ge=0, le=1e6, description="most that a tenant may spend on a day (UTC)")
    calls_per_day: float = Field(default=200, gt=0, le=1e9, description="what the router spreads a day's money over")
    redact: bool | None = Field(default=None, description="private details stay here; null: for other machines' models")
    deadline_s: float = Field(default=120, gt=0, le=3600, description="longest time of one answer")
    prompts: str | None = Field(default=None, description="a directory of templates that go before the shipped ones")


class DeliverySettings(Section):
    """Delivery."""

    discord_webhook: SecretStr | None = None
    discord_tenant: str | None = Field(default=None, description="whose channel it is; null: the settings' tenant")
    discord_workspace: str | None = Field(default=None, description="and which workspace; null: the settings'")
    corrections_to: str = Field(default="", max_length=300, description="where readers write to about mistakes")


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
    storage: StorageSettings = StorageSettings()
    memory: MemorySettings = MemorySettings()
    analysis: AnalysisSettings = AnalysisSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    llm: LlmSettings = LlmSettings()
    llm_cache: CachePolicy = CachePolicy()
    delivery: DeliverySettings = DeliverySettings()
    engine: EngineSettings = EngineSettings()
    log: LogSettings = LogSettings()

    @field_validator("data_dir", mode="before")
    @classmethod
    def _not_empty(cls, value: object) -> object:
        """An empty path would be the current directory."""
        if isinstance(value, str) and not value.strip():
            raise ValueError("it is empty")
        return value

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
        """Where everything is stored.

        Raises:
            BadRequestError: The name is none that a file system takes.
        """
        return user_path("The data directory", self.data_dir or user_data_path("udib"))

    @property
    def runtime_path(self) -> Path | None:
        """Where sockets lie; None where the system has no such place, so that the adapter chooses a private one."""
        given = os.environ.get("XDG_RUNTIME_DIR")
        return Path(given) / "udib" if given else None


def config_dir(given: str | None = None) -> Path:
    """The user's configuration directory: the one given, else $UDIB_CONFIG_DIR, else the system's place for it."""
    chosen = given or os.environ.get("UDIB_CONFIG_DIR")
    return user_path("The configuration directory", Path(chosen)) if chosen else user_config_path("udib")


def user_path(what: str, path: Path) -> Path:
    """A path as a user writes it, from the root.

    Raises:
        BadRequestError: It loops, names an unknown home, or holds what no path can.
    """
    try:
        str(path).encode()
        return path.expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as exc:
        raise BadRequestError(f"{what} {str(path)!a} is no usable path; give another.") from exc


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
    if directory is not None and not config_dir(directory).is_dir():
        raise BadRequestError(f"There is no configuration directory {directory}; create it or leave --config out.")
    _check_variables(os.environ)
    values: dict[str, Any] = {}
    for folder in (shipped_config_dir(), config_dir(directory)):
        for name in _FILES:
            values = merged(values, read_config(folder / name))
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
    own = config_dir(directory) / "models.yaml"
    if settings.llm.models is None and own.is_file():
        settings = settings.model_copy(update={"llm": settings.llm.model_copy(update={"models": str(own)})})
    changed: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    return settings.model_copy(update=changed)


def with_memory(settings: Settings, changed: Mapping[str, object]) -> Settings:
    """The settings with other values in the section `memory`.

    Raises:
        BadRequestError: A value cannot be used.
    """
    try:
        memory = MemorySettings.model_validate({**settings.memory.model_dump(), **changed})
    except ValidationError as exc:
        raise BadRequestError(explain_settings(exc)) from exc
    return settings.model_copy(update={"memory": memory})


def provider_key(settings: LlmSettings) -> str:
    """The key of the provider that is named, from the settings or the provider's own variable; empty: none is set."""
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    names = {"openrouter": "OPENROUTER_API_KEY", "openai": "OPENAI_API_KEY"}
    return os.environ.get(names.get(settings.provider, ""), "")


def seen_secrets() -> tuple[str, ...]:
    """Names of provider keys that the environment holds. They choose nothing; `udib doctor` mentions them."""
    return tuple(name for name in SECRET_NAMES if os.environ.get(name))


def _check_variables(variables: Mapping[str, str]) -> None:
    """What pydantic-settings would ignore in silence (a misspelt name) or not explain (a list that is no JSON)."""
    for name, value in variables.items():
        if not name.startswith("UDIB_") or name in _OWN:
            continue
        kind = _kind(name)
        if kind is None:
            raise BadRequestError(f"The environment variable {name} is no setting of udib; correct or unset it.")
        if (get_origin(kind) in _LISTS or get_origin(kind) is dict or _is_section(kind)) and not _is_json(value):
            example = '["a", "b"]' if get_origin(kind) in _LISTS else '{"name": "value"}'
            raise BadRequestError(f"The environment variable {name} takes JSON such as {example}; correct or unset it.")


def _kind(name: str) -> Any:  # noqa: ANN401 - a type, or what typing makes of one
    """The type of the setting that a variable names, by a path of sections; None if it names none."""
    fields = Settings.model_fields
    *sections, key = name.removeprefix("UDIB_").lower().split("__")
    for section in sections:
        kind = fields[section].annotation if section in fields else None
        if not _is_section(kind):
            return None
        fields = kind.model_fields
    return fields[key].annotation if key in fields else None


def _is_section(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


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
