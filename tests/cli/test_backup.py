"""Backup and restore: nothing is lost, and nothing is overwritten by accident."""

from __future__ import annotations

import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Home, copied

TABLES = "select tablename from pg_tables where schemaname = 'public' order by 1"
SECURITY = """
select c.relname, c.relrowsecurity, c.relforcerowsecurity,
       (select array_agg(p.polname::text order by p.polname) from pg_policy p where p.polrelid = c.oid),
       (select array_agg(t.tgname::text order by t.tgname) from pg_trigger t
         where t.tgrelid = c.oid and not tgisinternal),
       (select array_agg(a::text order by a::text) from unnest(c.relacl) a where a::text like 'turnus_app=%%')
  from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1
"""


def counts(home: Home) -> dict[str, int]:
    tables = [table for (table,) in home.rows(TABLES)]
    return dict(home.rows(" union all ".join(f"select '{table}', count(*) from \"{table}\"" for table in tables)))


@pytest.fixture(scope="module")
def filled(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """An installation with two tenants and a stored file."""
    with copied(template, tmp_path_factory.mktemp("filled") / "home") as home:
        home.json("tenant", "create", "One", "--sandbox")
        home.json("tenant", "create", "Two")
        (home.path / "files" / "ab").mkdir(parents=True)
        (home.path / "files" / "ab" / "invoice.pdf").write_bytes(b"%PDF-1.7 \x00\xff")
        yield home


def made(filled: Home, target: Path, *arguments: str) -> Path:
    done = filled.turnus("backup", str(target), *arguments)
    assert done.returncode == 0, done.stderr
    return target


def test_round_trip_with_the_key(filled: Home, empty: Home, tmp_path: Path) -> None:
    archive = made(filled, tmp_path / "all of it.tar.gz", "--with-key")
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    restored = empty.turnus("restore", str(archive))
    assert restored.returncode == 0, restored.stderr

    expected = counts(filled)
    assert expected["tenant"] == 2 and expected["role"] > 4 and expected["credential"] == 2
    assert counts(empty) == expected
    assert empty.rows(SECURITY) == filled.rows(SECURITY)
    assert (empty.path / "files" / "ab" / "invoice.pdf").read_bytes() == b"%PDF-1.7 \x00\xff"
    assert (empty.path / "secret.key").read_bytes() == (filled.path / "secret.key").read_bytes()
    assert stat.S_IMODE((empty.path / "secret.key").stat().st_mode) == 0o600
    # The application can use it: tokens open their tenant, roles and policies are in their places.
    assert empty.turnus("migrate", "--check").returncode == 0
    assert empty.json("token", "create", "--tenant", "two", "--permissions", "customer:read")["id"]


def test_the_key_stays_out_unless_asked_for_and_must_fit(filled: Home, empty: Home, tmp_path: Path) -> None:
    archive = made(filled, tmp_path / "backup.tar")
    with tarfile.open(archive) as tar:
        assert sorted(tar.getnames()) == ["database.dump", "files/ab/invoice.pdf", "manifest.json"]
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        assert (filled.path / "secret.key").read_bytes().strip() not in manifest.read()

    refused = empty.turnus("restore", str(archive))
    assert refused.returncode == 1
    assert "another secret key" in refused.stderr and len(refused.stderr.splitlines()) == 1
    assert not (empty.path / "postgres").exists() and not (empty.path / "files").exists()

    key = (filled.path / "secret.key").read_text().strip()
    restored = empty.turnus("restore", str(archive), TURNUS_SECRET_KEY=key)
    assert restored.returncode == 0, restored.stderr
    assert counts(empty) == counts(filled)


def test_what_is_there_is_replaced_by_force_only(filled: Home, fresh: Home, tmp_path: Path) -> None:
    archive = made(filled, tmp_path / "backup.tar", "--with-key")
    own = fresh.json("tenant", "create", "Mine")["tenantId"]
    refused = fresh.turnus("restore", str(archive))
    assert refused.returncode == 1 and "--force" in refused.stderr
    assert [str(id) for (id,) in fresh.rows("select id from tenant")] == [own]

    forced = fresh.turnus("restore", str(archive), "--force")
    assert forced.returncode == 0, forced.stderr
    assert counts(fresh) == counts(filled)
    # The key before is kept: other backups may need it.
    assert len(list(fresh.path.glob("secret.key.*"))) == 1


@pytest.mark.parametrize("content", [b"", b"no archive at all", None])
def test_what_is_no_backup_changes_nothing(empty: Home, tmp_path: Path, content: bytes | None) -> None:
    source: Any = tmp_path / "strange.tar"
    if content is not None:
        source.write_bytes(content)
    refused = empty.turnus("restore", str(source))
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1 and "strange.tar" in refused.stderr
    assert not (empty.path / "postgres").exists()


def test_a_cut_archive_leaves_the_installation_as_it_was(filled: Home, fresh: Home, tmp_path: Path) -> None:
    archive = made(filled, tmp_path / "backup.tar", "--with-key")
    cut = tmp_path / "cut.tar"
    cut.write_bytes(archive.read_bytes()[:-20_000])
    own = fresh.json("tenant", "create", "Mine")["tenantId"]
    assert fresh.turnus("restore", str(cut), "--force").returncode == 1
    assert [str(id) for (id,) in fresh.rows("select id from tenant")] == [own]
