"""Records on PostgreSQL and artifacts in a bucket, as two machines of one operator meet them."""

import json
from pathlib import Path
from uuid import uuid4

import pytest
from typed_commands import Commands

from udib.storage.postgres_schema import MIGRATIONS
from udib.testing.postgres_process import PostgresProcess

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("records")]

TALK = """WEBVTT

00:01.000 --> 00:04.000
<v Maya>Rents in Vienna rose by twelve percent in 2021, says the statistics office.

00:05.000 --> 00:09.000
<v Daniel>I don't believe that. In Berlin they fell by four percent in the same year.
"""


@pytest.fixture
def schema(shared_postgres: PostgresProcess, s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"test_{uuid4().hex}"
    monkeypatch.setenv("UDIB_STORAGE__CATALOGUE", "postgres")
    monkeypatch.setenv("DATABASE_URL", shared_postgres.url)
    monkeypatch.setenv("UDIB_STORAGE__POSTGRES_SCHEMA", name)
    monkeypatch.setenv("UDIB_STORAGE__ARTIFACTS", "s3")
    monkeypatch.setenv("UDIB_STORAGE__S3_ENDPOINT", s3_address)
    monkeypatch.setenv("UDIB_STORAGE__S3_BUCKET", "udib")
    monkeypatch.setenv("UDIB_STORAGE__S3_PREFIX", name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    return name


@pytest.fixture
def machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Commands, Commands]:
    return Commands(tmp_path / "one", capsys), Commands(tmp_path / "other", capsys)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.vtt"
    path.write_text(TALK)
    return path


def listed(machine: Commands) -> list[str]:
    return [each["content"]["id"] for each in json.loads(machine("list", "--json"))]


def test_two_machines_share_records_and_one_forgets_for_both(
    schema: str, machines: tuple[Commands, Commands], talk: Path, tmp_path: Path
) -> None:
    one, other = machines
    one("analyze", str(talk))
    [number] = listed(one)
    assert listed(other) == [number]
    assert "Maya" in other("show", number)
    for name in ("catalogue.db", "spending.db", "decisions.db"):
        assert not (one.data / name).exists()
    made = json.loads(one("memory", "backup", str(tmp_path / "copy"), "--json"))
    assert "lie on a server (postgres" in made["left_out"]
    assert "The artifacts lie in a bucket (s3, udib)" in made["left_out"]
    other("llm", "spend")
    one("forget", number, "--yes")
    assert listed(other) == []


def test_the_doctor_says_where_records_and_artifacts_lie_and_shows_no_secret(
    schema: str, machines: tuple[Commands, Commands], shared_postgres: PostgresProcess, s3_address: str
) -> None:
    said = machines[0]("doctor", "--json")
    found = {each["name"]: each for each in json.loads(said)}
    assert found["catalogue"]["ok"]
    assert f"at 127.0.0.1, database postgres, schema {schema} {len(MIGRATIONS)}" in found["catalogue"]["detail"]
    assert found["artifacts"]["detail"] == f"bucket udib at {s3_address}"
    assert shared_postgres.password not in said
    assert "very-secret" not in said


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("DATABASE_URL",), "storage.catalogue is postgres, but storage.postgres_url is not set"),
        (("UDIB_STORAGE__S3_BUCKET",), "storage.artifacts is s3, but storage.s3_bucket is not set"),
        (("AWS_ACCESS_KEY_ID",), "one is set and one is not; set both"),
    ],
)
def test_what_is_missing_is_named(
    schema: str,
    machines: tuple[Commands, Commands],
    monkeypatch: pytest.MonkeyPatch,
    names: tuple[str, ...],
    said: str,
) -> None:
    for name in names:
        monkeypatch.delenv(name)
    assert said in machines[0]("list", code=2)


def test_a_server_that_is_away_is_told_in_one_sentence(
    schema: str, machines: tuple[Commands, Commands], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:very-secret@127.0.0.1:1/udib")
    said = machines[0]("list", code=3)
    assert "PostgreSQL at 127.0.0.1, database udib cannot do this now" in said
    assert "very-secret" not in said


def test_an_address_alone_chooses_nothing(
    schema: str, machines: tuple[Commands, Commands], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UDIB_STORAGE__CATALOGUE")
    monkeypatch.delenv("UDIB_STORAGE__ARTIFACTS")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:very-secret@127.0.0.1:1/udib")
    assert listed(machines[0]) == []
