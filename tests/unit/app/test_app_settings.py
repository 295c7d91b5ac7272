from pathlib import Path

import pytest

from udib.app.settings import Settings, load_settings, shipped_config_dir
from udib.core.errors import BadRequestError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UDIB_CONFIG_DIR", str(tmp_path))
    return tmp_path


def test_the_shipped_files_hold_the_defaults() -> None:
    assert (shipped_config_dir() / "settings.yaml").is_file()
    channel = {"discord_tenant": "default", "discord_workspace": "main"}
    assert load_settings() == Settings.model_validate({"delivery": channel})


def test_later_places_go_before_earlier_ones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "settings.yaml").write_text("tenant: file\nworkspace: file\nmemory: {linger_s: 1}\n")
    (folder / "http.yaml").write_text("http: {retry: {max_attempts: 7}}\n")
    monkeypatch.setenv("UDIB_WORKSPACE", "environment")
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "2")
    settings = load_settings(tenant="argument")
    assert (settings.tenant, settings.workspace) == ("argument", "environment")
    assert (settings.memory.linger_s, settings.memory.index) == (2, "edge")
    assert (settings.http.retry.max_attempts, settings.http.retry.backoff_factor) == (7, 2.0)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("memroy: {index: edge}", "memroy"),
        ("memory: {indx: edge}", "memory.indx"),
        ("memory: {index: chroma}", "memory.index"),
        ("transcripts: {processes: 0}", "transcripts.processes"),
        ("- a list", "names and values"),
        ("a: [", "settings.yaml"),
    ],
)
def test_a_wrong_file_is_one_sentence_that_names_the_place(folder: Path, text: str, named: str) -> None:
    (folder / "settings.yaml").write_text(text)
    with pytest.raises(BadRequestError) as caught:
        load_settings()
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_secret_never_shows_in_a_complaint(folder: Path) -> None:
    (folder / "settings.yaml").write_text("delivery: {discord_webhook: [https://discord.com/api/webhooks/1/secret]}")
    with pytest.raises(BadRequestError) as caught:
        load_settings()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["UDIB_MEMORYY__INDEX", "UDIB_MEMORY__INDX", "UDIB_TENANT__X", "UDIB_", "UDIB_DATADIR"]
)
def test_a_misspelt_variable_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(BadRequestError, match=name):
        load_settings()


def test_a_webhook_is_set_by_its_own_name_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDIB_DELIVERY__DISCORD_WEBHOOK", "https://discord.com/api/webhooks/1/x")
    webhook = load_settings().delivery.discord_webhook
    assert webhook is not None
    assert webhook.get_secret_value().endswith("/1/x")
    assert "webhooks" not in repr(load_settings())


def test_what_lies_in_the_environment_chooses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-1")
    monkeypatch.setenv("DISCORD_WEBHOOK", "https://discord.com/api/webhooks/1/x")
    settings = load_settings()
    assert (settings.llm.provider, settings.delivery.discord_webhook) == ("none", None)


def test_the_channel_stays_with_the_configured_tenant(folder: Path) -> None:
    (folder / "settings.yaml").write_text("tenant: guild\n")
    assert load_settings(tenant="rival").webhook_scope.tenant == "guild"
    assert load_settings(tenant="rival").scope.tenant == "rival"


def test_a_setting_in_a_section_of_a_section_has_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDIB_HTTP__RETRY__MAX_ATTEMPTS", "5")
    assert load_settings().http.retry.max_attempts == 5


def test_the_data_directory_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UDIB_DATA_DIR", str(tmp_path / "a"))
    assert load_settings().data_path == tmp_path / "a"
    assert load_settings(data_dir=tmp_path / "b").data_path == tmp_path / "b"


def test_a_well_known_name_gives_a_value_and_chooses_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "settings.yaml").write_text("memory: {qdrant_url: 'http://file:1'}\n")
    assert load_settings().memory.qdrant_url == "http://file:1"
    monkeypatch.setenv("QDRANT_URL", ":memory:")
    monkeypatch.setenv("QDRANT_API_KEY", "s3cret")
    memory = load_settings().memory
    assert (memory.index, memory.qdrant_url) == ("edge", ":memory:")
    assert memory.qdrant_api_key is not None
    assert memory.qdrant_api_key.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(memory)
    monkeypatch.setenv("UDIB_MEMORY__QDRANT_URL", "http://own:1")
    monkeypatch.setenv("QDRANT_API_KEY", "")
    memory = load_settings().memory
    assert (memory.qdrant_url, memory.qdrant_api_key) == ("http://own:1", None)


def test_a_library_that_is_missing_is_named_with_its_remedy() -> None:
    from udib.app.bootstrap import needs_extra

    with pytest.raises(BadRequestError, match=r"\(colibri\); run: pip install 'udib\[birds\]'"), needs_extra("birds"):
        raise ModuleNotFoundError("No module named 'colibri'", name="colibri")
    with pytest.raises(ModuleNotFoundError), needs_extra("birds"):
        raise ModuleNotFoundError("No module named 'udib.birds'", name="udib.birds")
