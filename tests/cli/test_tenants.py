"""Tenants and tokens made on the command line."""

from __future__ import annotations

import hashlib
from uuid import UUID

import pytest
from argon2 import PasswordHasher

from .conftest import Home

COUNTS = "select (select count(*) from tenant), (select count(*) from app_user), (select count(*) from credential)"


def test_tenant_comes_with_administrator_and_token(home: Home) -> None:
    made = home.json("tenant", "create", "Stadtwerke Müller & Söhne", "--sandbox")
    assert list(made) == ["tenantId", "name", "sandbox", "adminEmail", "adminPassword", "token"]
    assert (made["name"], made["sandbox"]) == ("Stadtwerke Müller & Söhne", True)
    assert made["adminEmail"] == "admin@stadtwerke-muller-sohne.localhost"
    [(hashed, role, status)] = home.rows(
        "select u.password_hash, r.name, m.status from app_user u join membership m on m.user_id = u.id"
        " join role r on r.tenant_id = m.tenant_id and r.id = m.role_id where u.email = %s and m.tenant_id = %s",
        made["adminEmail"],
        UUID(made["tenantId"]),
    )
    assert (role, status) == ("Administrator", "active")
    assert PasswordHasher().verify(hashed, made["adminPassword"])
    digest = hashlib.sha256(made["token"].encode()).digest()
    assert home.rows("select permissions, rate_limit, tenant_id from credential where hash = %s", digest) == [
        (["*"], 0, UUID(made["tenantId"]))
    ]


def test_second_tenant_of_the_name_is_refused_and_nothing_is_written(home: Home) -> None:
    home.json("tenant", "create", "Twice")
    before = home.rows(COUNTS)
    refused = home.turnus("tenant", "create", "twice", "--json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "turnus: A tenant called twice exists already.\n"
    assert home.rows(COUNTS) == before


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 201])
def test_impossible_names_are_refused(home: Home, name: str) -> None:
    assert home.turnus("tenant", "create", name).returncode == 2


def test_token_for_a_tenant_by_slug_name_or_id(home: Home) -> None:
    made = home.json("tenant", "create", "Token House")
    for name in ("token-house", "Token House", made["tenantId"], made["tenantId"].upper()):
        issued = home.json("token", "create", "--tenant", name, "--permissions", "customer:read,invoice:read")
        assert list(issued) == ["token", "id"]
        assert home.rows("select permissions, rate_limit from api_token where id = %s", UUID(issued["id"])) == [
            (["customer:read", "invoice:read"], 0)
        ]
    limited = home.json("token", "create", "--tenant", "token-house", "--permissions", "*", "--rate-limit", "60")
    assert home.rows("select rate_limit from api_token where id = %s", UUID(limited["id"])) == [(60,)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tenant", "refusals", "--permissions", "customer:raed"], "'customer:raed', but customer:read."),
        (["--tenant", "refusals", "--permissions", " , "], "--permissions names none."),
        (["--tenant", "nobody", "--permissions", "customer:read"], "There is no tenant 'nobody'."),
        (["--tenant", "refusals", "--permissions", "customer:read", "--rate-limit", "0"], "--rate-limit"),
    ],
)
def test_refused_tokens_leave_no_trace(home: Home, arguments: list[str], message: str) -> None:
    if not home.rows("select 1 from tenant where slug = 'refusals'"):
        home.json("tenant", "create", "Refusals")
    before = home.rows(COUNTS)
    refused = home.turnus("token", "create", *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert message in refused.stderr and len(refused.stderr.splitlines()) == 1
    assert home.rows(COUNTS) == before
