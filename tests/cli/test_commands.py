"""Help, exit codes, and one line for everything that goes wrong."""

from __future__ import annotations

import pytest
from typer.main import get_command

from turnus.entry.cli import app
from turnus.entry.cli.app import run

from .conftest import Home


def commands() -> list[list[str]]:
    """Every command, groups' included."""

    def below(command: object, path: list[str]) -> list[list[str]]:
        children = getattr(command, "commands", {})
        return [found for name, child in children.items() for found in below(child, [*path, name])] or [path]

    return below(get_command(app), [])


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_explains_itself_with_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    assert f"Example: turnus {' '.join(command)}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["tenant", "create"], ["serve", "--port", "70000"], ["serve", "--nonsense"], ["token", "create"]],
    ids=" ".join,
)
def test_wrong_use_is_one_line_and_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1 and captured.err.startswith("turnus: ")


def test_wrong_variables_are_a_line_each_and_nothing_is_made(empty: Home) -> None:
    refused = empty.turnus("tenant", "create", "Acme", TURNUS_LOG="xml", TURNUS_SMTP_URL="mail.example.org")
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert [line.split(":")[1].strip() for line in refused.stderr.splitlines()] == ["TURNUS_SMTP_URL", "TURNUS_LOG"]
    assert "json or text" in refused.stderr
    assert not (empty.path / "postgres").exists() and not (empty.path / "secret.key").exists()


def test_an_unreachable_database_is_one_line_and_debug_shows_more(empty: Home) -> None:
    empty.variables = {
        "TURNUS_DATABASE_URL": "postgresql://somebody:hidden@127.0.0.1:1/turnus",
        "TURNUS_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz",
    }
    failed = empty.turnus("migrate", "--check")
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 1 and "127.0.0.1" in failed.stderr
    debugged = empty.turnus("migrate", "--debug")
    assert debugged.returncode == 1 and "Traceback" in debugged.stderr
    assert "hidden" not in failed.stderr + debugged.stderr


def test_a_new_home_is_not_up_to_date_until_it_is_migrated(empty: Home) -> None:
    before, done, after = (
        empty.turnus("migrate", "--check"),
        empty.turnus("migrate"),
        empty.turnus("migrate", "--check"),
    )
    assert [before.returncode, done.returncode, after.returncode] == [1, 0, 0]
    assert "Not up to date" in before.stdout and "Migrated to version" in done.stdout and "Up to date" in after.stdout


def test_roles_are_printed_without_any_database(empty: Home) -> None:
    printed = empty.turnus("migrate", "--print-roles")
    assert printed.returncode == 0
    assert "create role turnus_app nologin;" in printed.stdout
    assert not (empty.path / "postgres").exists()


def test_database_reset_begins_anew(fresh: Home) -> None:
    fresh.json("tenant", "create", "Acme")
    assert fresh.turnus("db", "reset", "--yes").returncode == 0
    assert fresh.rows("select count(*) from tenant") == [(0,)]
    shown = fresh.turnus("db", "shell", "--", "-Atc", "select count(*) from tenant")
    assert (shown.returncode, shown.stdout) == (0, "0\n")
