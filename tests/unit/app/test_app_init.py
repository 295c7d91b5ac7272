import io
from pathlib import Path

import pytest

from udib.app.commands import Options
from udib.app.init import init
from udib.app.settings import load_settings
from udib.core.errors import BadRequestError


class Terminal(io.StringIO):
    """Typed answers, one a line."""

    def isatty(self) -> bool:
        return True


WEBHOOK = "https://discord.com/api/webhooks/123456/abcdefghijk"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UDIB_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def answer(monkeypatch: pytest.MonkeyPatch, *lines: str) -> int:
    monkeypatch.setattr("sys.stdin", Terminal("".join(f"{line}\n" for line in lines)))
    return init(Options(), accept_defaults=False)


def test_answers_become_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook = "https://discord.com/api/webhooks/123456/abcdefghijk"
    assert answer(monkeypatch, str(folder / "data"), "guild", "openrouter", "0.05", "", webhook) == 0
    settings = load_settings()
    assert (settings.tenant, settings.data_path) == ("guild", folder / "data")
    assert (settings.llm.provider, settings.llm.cap_request_usd, settings.llm.cap_day_usd) == ("openrouter", 0.05, 1.0)
    assert settings.delivery.discord_webhook is not None
    assert (folder / "settings.yaml").stat().st_mode & 0o777 == 0o600


def test_empty_answers_keep_the_defaults_and_skip_the_caps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(monkeypatch, "", "", "", "") == 0
    assert load_settings().llm.provider == "none"


def test_a_second_run_keeps_what_it_does_not_ask_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / "settings.yaml").write_text("memory: {linger_s: 5}\nllm: {model: some/model}\n")
    answer(monkeypatch, "", "guild", "openai", "", "", "", "")
    settings = load_settings()
    assert (settings.memory.linger_s, settings.llm.model, settings.llm.provider) == (5, "some/model", "openai")


def test_options_are_answers(folder: Path) -> None:
    assert init(Options(tenant="acme", data_dir=str(folder / "d")), accept_defaults=True) == 0
    settings = load_settings()
    assert (settings.tenant, settings.data_path) == ("acme", folder / "d")


@pytest.mark.parametrize(
    "answers", [("", "", "chatgpt", "", "", ""), ("", "", "openai", "", "ten", "", ""), ("", "a\x1bb")]
)
def test_an_answer_from_a_pipe_that_cannot_be_used_writes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answers: tuple[str, ...]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in answers)))
    with pytest.raises(BadRequestError) as caught:
        init(Options(), accept_defaults=False)
    assert "\n" not in str(caught.value)
    assert not (folder / "settings.yaml").exists()


def test_a_terminal_is_asked_again_with_the_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = (
        "a\0b",
        "",
        "guild",
        "chatgpt",
        "openai",
        "small",
        "ten",
        "-1",
        "nan",
        "0.05",
        "",
        "https://a.example/",
        WEBHOOK,
    )
    assert answer(monkeypatch, *answers) == 0
    settings = load_settings()
    assert (settings.tenant, settings.llm.provider, settings.llm.cap_request_usd) == ("guild", "openai", 0.05)
    said = capsys.readouterr().err
    for reason in (
        "no usable path",
        "'none', 'openrouter', 'openai' or 'endpoint'",
        "'ten' is no number",
        "greater than",
        "finite",
    ):
        assert reason in said
    assert said.count("Language model provider") == 2


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_the_end_of_the_answers_means_that_nothing_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: type[io.StringIO]
) -> None:
    monkeypatch.setattr("sys.stdin", kind("\n\n"))
    with pytest.raises(BadRequestError, match="nothing was written"):
        init(Options(), accept_defaults=False)
    assert not folder.exists()


def test_a_suggestion_that_cannot_be_used_is_refused_before_the_questions(folder: Path) -> None:
    with pytest.raises(BadRequestError, match="tenant"):
        init(Options(tenant=" "), accept_defaults=True)
    assert not folder.exists()


def test_a_webhook_is_kept_when_nothing_else_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "", "", "", WEBHOOK)
    answer(monkeypatch, "", "guild", "", "keep")
    webhook = load_settings().delivery.discord_webhook
    assert webhook is not None
    assert webhook.get_secret_value() == WEBHOOK
    answer(monkeypatch, "", "", "", "none")
    assert load_settings().delivery.discord_webhook is None


def test_a_data_directory_is_kept_from_the_root(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    answer(monkeypatch, "data", "", "", "")
    monkeypatch.chdir("/")
    assert load_settings().data_path == tmp_path / "data"
