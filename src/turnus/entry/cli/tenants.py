"""`turnus tenant …` and `turnus token …`."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnus.entry.cli.app import CommandError, app
from turnus.entry.cli.options import JsonOption, TenantOption, print_json, with_database, with_tenant

if TYPE_CHECKING:
    from turnus.entry.installation import Installation
    from turnus.platform.db.pool import Database
    from turnus.platform.tenancy.enter import TenantInfo

UNLIMITED = 0
MAX_NAME = 200

tenant = typer.Typer(help="Tenants: the organisations that bill.", no_args_is_help=True)
token = typer.Typer(help="Keys for machine access.", no_args_is_help=True)
app.add_typer(tenant, name="tenant")
app.add_typer(token, name="token")

RateLimitOption = Annotated[
    int | None,
    typer.Option("--rate-limit", metavar="N", min=1, max=1_000_000, help="Requests per minute; without it no limit."),
]


@tenant.command("create", epilog="Example: turnus tenant create 'Stadtwerke Musterstadt' --sandbox --json")
def create(
    name: Annotated[str, typer.Argument(help="Name; the slug is made from it.")],
    sandbox: Annotated[bool, typer.Option("--sandbox", help="With a test clock that can be moved.")] = False,
    rate_limit: RateLimitOption = None,
    json: JsonOption = False,
) -> None:
    """Make a tenant with defaults, an administrator and a token that may do everything.

    Password and token are shown this once.
    """
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise CommandError(f"A name has 1 to {MAX_NAME} printable characters.")

    async def work(_: Installation, database: Database) -> dict[str, Any]:
        return await _create(database, name, sandbox=sandbox, rate_limit=rate_limit)

    made = with_database(work)
    if json:
        print_json(made)
        return
    for label, key in (
        ("Tenant", "tenantId"),
        ("Login", "adminEmail"),
        ("Password", "adminPassword"),
        ("Token", "token"),
    ):
        typer.echo(f"{label + ':':<10} {made[key]}")


async def _create(database: Database, name: str, *, sandbox: bool, rate_limit: int | None) -> dict[str, Any]:
    from turnus.entry.bootstrap import new_tenant
    from turnus.identity.ops.create_admin import create_user, make_administrator, new_password
    from turnus.identity.ops.create_api_token import create_api_token
    from turnus.identity.ops.create_tenant import slug_of
    from turnus.platform.clock import SystemClock
    from turnus.platform.context import ALL_PERMISSIONS
    from turnus.platform.work import tenant_work

    clock = SystemClock()
    tenant_id = await new_tenant(database, name, sandbox=sandbox, clock=clock)
    email, password = f"admin@{slug_of(name)}.localhost", new_password()
    user_id = await create_user(database, email, password, now=clock.wall())
    async with tenant_work(database, tenant_id, clock=clock) as ctx:
        await make_administrator(ctx, user_id)
        _, secret = await create_api_token(
            ctx, "command line", [ALL_PERMISSIONS], rate_limit=UNLIMITED if rate_limit is None else rate_limit
        )
    return {
        "tenantId": tenant_id,
        "name": name,
        "sandbox": sandbox,
        "adminEmail": email,
        "adminPassword": password,
        "token": secret,
    }


@token.command("create", epilog="Example: turnus token create --tenant acme --permissions customer:read,invoice:read")
def create_token(
    permissions: Annotated[
        str, typer.Option("--permissions", metavar="A,B", help="Permissions, separated by commas; * is every one.")
    ],
    tenant: TenantOption = None,
    rate_limit: RateLimitOption = None,
    name: Annotated[str, typer.Option("--name", help="Name in the list of tokens.")] = "command line",
    json: JsonOption = False,
) -> None:
    """Make a token for machine access. It is shown this once."""
    wanted = _checked(permissions)
    if not 0 < len(name.strip()) <= 100 or not name.isprintable():
        raise CommandError("--name has 1 to 100 printable characters.")

    async def work(_: Installation, database: Database, tenant: TenantInfo) -> dict[str, Any]:
        from turnus.identity.ops.create_api_token import create_api_token
        from turnus.platform.work import tenant_work

        async with tenant_work(database, tenant.id) as ctx:
            made, secret = await create_api_token(
                ctx, name.strip(), wanted, rate_limit=UNLIMITED if rate_limit is None else rate_limit
            )
        return {"token": secret, "id": made.id}

    made = with_tenant(tenant, work)
    if json:
        print_json(made)
    else:
        typer.echo(made["token"])


def _checked(permissions: str) -> list[str]:
    """The permissions of a comma-separated list; raises CommandError that names an unknown one and its neighbour."""
    from turnus.identity.permissions import ASSIGNABLE
    from turnus.platform.context import ALL_PERMISSIONS

    wanted = sorted({part.strip() for part in permissions.split(",")} - {""})
    if not wanted:
        raise CommandError("--permissions names none.")
    for permission in wanted:
        if permission not in ASSIGNABLE and permission != ALL_PERMISSIONS:
            near = difflib.get_close_matches(permission, sorted(ASSIGNABLE), n=1)
            raise CommandError(f"There is no permission {permission!r}{f', but {near[0]}' if near else ''}.")
    return wanted
