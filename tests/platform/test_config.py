"""The operator's variables: what is accepted, what stops the start, and that no secret is repeated."""

import stat
import threading
from dataclasses import FrozenInstanceError
from ipaddress import ip_network
from pathlib import Path

import pytest

from turnus.platform.config import DEFAULT_BASE_URL, KEY_FILE, Config, ConfigError, load

STRONG = "kq3Zt0w9-Jm5RrYx2Lc8_VbNd7HsPfGa1EuTiOoQ4XyM"
DATABASE = "postgresql://turnus:hunter2@db.example.com:5433/turnus"


def problems(env: dict[str, str], home: Path) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        load(env, default_home=home)
    assert str(refusal.value).splitlines() == refusal.value.problems
    return refusal.value.problems


def test_without_any_variable_the_installation_is_embedded_and_keeps_its_own_key(tmp_path: Path) -> None:
    home = tmp_path / "not there yet" / "home"

    config = load({"PATH": "/bin", "LANG": "C"}, default_home=home)

    assert config.home == home and config.embedded
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == [KEY_FILE]
    assert config.base_url == DEFAULT_BASE_URL
    assert config.files_url == (home / "files").as_uri()
    assert (config.env, config.log) == ("production", "json")
    assert {config.database_url, config.database_direct_url, config.pg_bin, config.smtp_url} == {None}
    assert config.outbound_allow == config.unknown == config.warnings == ()
    assert len(config.secret_key) == 43

    again = load({}, default_home=home)
    assert again == config


def test_every_variable_is_read(tmp_path: Path) -> None:
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "pg_dump").touch(mode=0o755)

    config = load(
        {
            "TURNUS_HOME": str(tmp_path / "home"),
            "TURNUS_DATABASE_URL": "postgres://turnus:hunter2@pool.example.com:6432/turnus?sslmode=require",
            "TURNUS_DATABASE_DIRECT_URL": DATABASE,
            "TURNUS_PG_BIN": str(binaries),
            "TURNUS_BASE_URL": "https://billing.example.com/turnus/",
            "TURNUS_SECRET_KEY": f" {STRONG}\n",
            "TURNUS_FILES_URL": "s3://documents/turnus",
            "TURNUS_SMTP_URL": "smtps://mailer:geheim@mail.example.com:465",
            "TURNUS_LOG": "json",
            "TURNUS_ENV": "development",
            "TURNUS_OUTBOUND_ALLOW": "10.0.0.0/8, ::1/128,127.0.0.1",
        },
        default_home=tmp_path / "unused",
    )

    assert config == Config(
        home=tmp_path / "home",
        database_url="postgresql://turnus:hunter2@pool.example.com:6432/turnus?sslmode=require",
        database_direct_url=DATABASE,
        pg_bin=binaries,
        base_url="https://billing.example.com/turnus",
        secret_key=STRONG.encode(),
        files_url="s3://documents/turnus",
        smtp_url="smtps://mailer:geheim@mail.example.com:465",
        log="json",
        env="development",
        outbound_allow=(ip_network("10.0.0.0/8"), ip_network("::1/128"), ip_network("127.0.0.1/32")),
    )
    assert not (tmp_path / "unused").exists()
    assert not (tmp_path / "home" / KEY_FILE).exists()
    with pytest.raises(FrozenInstanceError):
        config.log = "text"  # type: ignore[misc]


def test_development_logs_text_unless_told_otherwise_and_empty_variables_count_as_absent(tmp_path: Path) -> None:
    config = load({"TURNUS_ENV": "development", "TURNUS_DATABASE_URL": "", "TURNUS_LOG": " "}, default_home=tmp_path)

    assert config.log == "text"
    assert config.embedded


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("TURNUS_DATABASE_URL", "mysql://turnus:hunter2@db/turnus", "postgresql://user:password@host:5432/database"),
        ("TURNUS_DATABASE_URL", "postgresql://turnus:hunter2@db:notaport/turnus", "postgresql://user:password@"),
        ("TURNUS_DATABASE_URL", "postgresql://turnus:hunter2@db", "names no database"),
        ("TURNUS_DATABASE_URL", "postgresql://turnus:hun ter2@db/turnus", "postgresql://user:password@"),
        ("TURNUS_DATABASE_DIRECT_URL", DATABASE, "together with TURNUS_DATABASE_URL"),
        ("TURNUS_PG_BIN", "/nowhere/bin", "folder with PostgreSQL's programs; initdb, pg_ctl, postgres"),
        ("TURNUS_BASE_URL", "billing.example.com", "http(s)://host"),
        ("TURNUS_BASE_URL", "https://user:hunter2@billing.example.com", "http(s)://host"),
        ("TURNUS_BASE_URL", "https://billing.example.com/?token=hunter2", "http(s)://host"),
        ("TURNUS_SECRET_KEY", "hunter2", "at least 32 bytes"),
        ("TURNUS_SECRET_KEY", "x" * 64, "at least 32 bytes"),
        ("TURNUS_FILES_URL", "memory:///", "file:///srv/turnus/files"),
        ("TURNUS_FILES_URL", "file://relative/path", "file:///srv/turnus/files"),
        ("TURNUS_FILES_URL", "s3:///no-bucket", "s3://bucket/prefix"),
        ("TURNUS_SMTP_URL", "smtp://:hunter2@", "smtp://user:password@host:587"),
        ("TURNUS_SMTP_URL", "http://mail:hunter2@example.com", "smtp://user:password@host:587"),
        ("TURNUS_LOG", "xml", "json or text"),
        ("TURNUS_ENV", "prod", "production or development"),
        ("TURNUS_OUTBOUND_ALLOW", "10.0.0.1/8", "CIDR form"),
        ("TURNUS_OUTBOUND_ALLOW", "internal.example.com", "CIDR form"),
    ],
)
def test_a_wrong_value_is_one_line_naming_variable_and_form_but_never_a_secret(
    tmp_path: Path, name: str, value: str, accepted: str
) -> None:
    found = problems({"TURNUS_SECRET_KEY": STRONG, name: value}, tmp_path)

    assert len(found) == 1
    assert found[0].startswith(f"{name}: ")
    assert accepted in found[0]
    assert "hunter2" not in found[0] and "\n" not in found[0]


def test_all_wrong_values_are_listed_and_a_refused_start_makes_no_key(tmp_path: Path) -> None:
    found = problems({"TURNUS_LOG": "xml", "TURNUS_ENV": "live", "TURNUS_FILES_URL": "ftp://x"}, tmp_path)

    assert sorted(line.split(":")[0] for line in found) == ["TURNUS_ENV", "TURNUS_FILES_URL", "TURNUS_LOG"]
    assert list(tmp_path.iterdir()) == []


def test_an_external_database_requires_a_key_even_if_one_is_kept(tmp_path: Path) -> None:
    load({}, default_home=tmp_path)

    found = problems({"TURNUS_DATABASE_URL": DATABASE}, tmp_path)

    assert len(found) == 1
    assert found[0].startswith("TURNUS_SECRET_KEY: is required with TURNUS_DATABASE_URL")


def test_a_home_that_is_a_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert problems({"TURNUS_HOME": str(tmp_path / "file")}, tmp_path)[0].startswith("TURNUS_HOME: ")
    assert problems({"TURNUS_HOME": str(tmp_path / "file" / "below")}, tmp_path)[0].startswith("TURNUS_HOME: ")


def test_a_damaged_key_file_stops_the_start_instead_of_being_replaced(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short\n")

    assert problems({}, tmp_path)[0].startswith("TURNUS_SECRET_KEY: absent, and")
    assert (tmp_path / KEY_FILE).read_bytes() == b"short\n"


def test_loose_file_mode_and_a_differing_key_are_warned_about(tmp_path: Path) -> None:
    load({}, default_home=tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)

    assert "0600" in load({}, default_home=tmp_path).warnings[0]
    assert "differs" in load({"TURNUS_SECRET_KEY": STRONG}, default_home=tmp_path).warnings[0]


def test_processes_starting_at_once_agree_on_one_key(tmp_path: Path) -> None:
    keys: list[bytes] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        keys.append(load({}, default_home=tmp_path).secret_key)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(keys) == 8 and len(set(keys)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_unknown_variables_are_reported_with_the_likely_name(tmp_path: Path) -> None:
    config = load(
        {"TURNUS_DATABSE_URL": DATABASE, "TURNUS_TEST_TEMPLATE": "x", "TURNUS_WHATEVER_ELSE": "1"},
        default_home=tmp_path,
    )

    assert config.unknown == ("TURNUS_DATABSE_URL", "TURNUS_WHATEVER_ELSE")
    assert config.warnings == (
        "TURNUS_DATABSE_URL is not a known variable; TURNUS_DATABASE_URL is",
        "TURNUS_WHATEVER_ELSE is not a known variable",
    )


def test_derived_keys_differ_by_purpose_and_are_stable(tmp_path: Path) -> None:
    env = {"TURNUS_SECRET_KEY": STRONG}
    config = load(env, default_home=tmp_path)

    assert len(config.key("fields")) == 32
    assert config.key("fields") == load(env, default_home=tmp_path).key("fields")
    assert len({config.key("fields"), config.key("fingerprints"), config.key("jwt"), config.secret_key[:32]}) == 4
    # HKDF-SHA256 with an empty salt and info "turnus:fields"; stored data depends on it, so it must never change.
    assert config.key("fields").hex() == "fbc46c54aaf48b6ff460b0b927017880b81854671e622f61607abaf0442a8526"
    with pytest.raises(ValueError, match="purpose"):
        config.key("")


def test_the_repr_shows_no_secret(tmp_path: Path) -> None:
    config = load(
        {
            "TURNUS_DATABASE_URL": DATABASE,
            "TURNUS_DATABASE_DIRECT_URL": DATABASE,
            "TURNUS_SECRET_KEY": STRONG,
            "TURNUS_SMTP_URL": "smtp://mailer:hunter2@mail.example.com",
        },
        default_home=tmp_path,
    )

    assert "hunter2" not in repr(config) and STRONG not in repr(config)
