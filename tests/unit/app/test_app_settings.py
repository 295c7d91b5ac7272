import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import BaseModel

from udib.app.settings import Settings, load_settings, shipped_config_dir
from udib.core.errors import BadRequestError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UDIB_CONFIG_DIR", str(tmp_path))
    return tmp_path


def test_the_shipped_files_hold_the_defaults() -> None:
    assert (shipped_config_dir() / "settings.yaml").is_file()
    channel = {"discord_tenant": "default", "discord_workspace": "main"}
    kept = {
        "ttl_by_model": {"gpt-4": 7200, "gpt-3.5-turbo": 3600, "claude-3-sonnet": 3600},
        "ttl_by_task": {"fact_check": 1800},
    }
    assert load_settings() == Settings.model_validate({"delivery": channel, "llm_cache": kept})


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


def _names(kind: type[BaseModel] = Settings, before: str = "UDIB_") -> Iterator[str]:
    for name, field in kind.model_fields.items():
        yield before + name.upper()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _names(field.annotation, f"{before}{name.upper()}__")


@pytest.mark.parametrize(
    "value", ["", "notjson", "[" * 100_000, "nan", "inf", "-1", "9" * 5000, "\udcff", "{}", "null"]
)
def test_rubbish_in_any_variable_is_read_or_refused_in_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setattr("udib.app.settings.shipped_config_dir", lambda: folder)  # which takes most of the time
    refused = []
    for name in _names():
        with monkeypatch.context() as patch, suppress(BadRequestError):
            patch.setenv(name, value)
            try:
                settings = load_settings()
                _ = settings.scope, settings.data_path
            except BadRequestError as exc:
                refused.append(str(exc))
                raise
    assert all("\n" not in sentence and len(sentence) < 400 for sentence in refused)
    assert len(refused) > 20


@pytest.mark.parametrize("name", ["UDIB_NET__ALLOW", "UDIB_NET", "UDIB_HTTP__RETRY__RETRYABLE_STATUSES"])
@pytest.mark.parametrize("value", ["notjson", "", "[" * 100_000])
def test_a_variable_that_takes_json_says_so(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadRequestError, match=f"{name} takes JSON such as"):
        load_settings()


LAUGHS = "a: &a [x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnop"))
MERGED = "a: &a {x: 1}\n" + "".join(f"{b}: &{b} {{<<: [*{a}, *{a}, *{a}]}}\n" for a, b in pairwise("abcdefghijklmnop"))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"a: " + b"[" * 10_000, "nested too deeply"),
        (b"a: " + b"{a: " * 10_000, "nested too deeply"),
        (LAUGHS.encode(), "line 1"),
        (MERGED.encode(), "line 1"),
        (b"tenant: a\nmemory: {linger_s: 1, linger_s: 2}\n", "line 2: a name is given twice"),
        (b"1: x\n", "line 1: a name is no plain text"),
        (b"? [a]\n: x\n", "a name is no plain text"),
        (b"tenant: !!int ''\n", "line 1"),
        (b"tenant: !!timestamp x\n", "line 1"),
        (b"tenant: !!python/object/apply:os.system [id]\n", "line 1"),
        (b"tenant: 2001-99-99\n", "month"),
        (b"tenant: caf\xe9\n", "not UTF-8: byte 12"),
        (b"tenant: a\x00b\n", "0x0 is not allowed"),
        (b"tenant: " + b"9" * 5000, "digits"),
        (b"a: " + b"x" * 1_100_000, "larger than"),
        (b"memory: 5\nnet: {allow: 7}\nllm: [a]\ntenant: {}\n", "net.allow"),
        (b"data_dir: ''\n", "data_dir"),
        (b"engine: {deadlines: {job_s: .inf}}\n", "engine.deadlines.job_s"),
    ],
    ids=range(18),
)
def test_a_hostile_file_is_one_sentence(folder: Path, data: bytes, named: str) -> None:
    (folder / "settings.yaml").write_bytes(data)
    with pytest.raises(BadRequestError, match=re.escape(named)) as caught:
        load_settings()
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_one_sentence_and_no_waiting(folder: Path) -> None:
    os.mkfifo(folder / "settings.yaml")
    with pytest.raises(BadRequestError, match="no regular file"):
        load_settings()
    (folder / "settings.yaml").unlink()
    (folder / "settings.yaml").mkdir()
    with pytest.raises(BadRequestError, match=r"settings\.yaml"):
        load_settings()


def test_a_line_that_cannot_be_read_does_not_show_its_secret(folder: Path) -> None:
    (folder / "settings.yaml").write_text("delivery: {discord_webhook: https://discord.com/secret, [}\n")
    with pytest.raises(BadRequestError) as caught:
        load_settings()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "a\0b", "\udcff", "loop/x"])
def test_a_data_directory_that_is_no_path_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(folder)
    Path("loop").symlink_to("loop")
    if path == "loop/x" and sys.version_info >= (3, 13):
        assert load_settings(data_dir=Path(path)).data_path == folder / "loop" / "x"
        return
    with pytest.raises(BadRequestError, match="no usable path"):
        _ = load_settings(data_dir=Path(path)).data_path


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
    from udib.app.bootstrap_memory import needs_extra

    with pytest.raises(BadRequestError, match=r"\(colibri\); run: pip install 'udib\[birds\]'"), needs_extra("birds"):
        raise ModuleNotFoundError("No module named 'colibri'", name="colibri")
    with pytest.raises(ModuleNotFoundError), needs_extra("birds"):
        raise ModuleNotFoundError("No module named 'udib.birds'", name="udib.birds")
