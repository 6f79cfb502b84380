"""Alembic's environment: runs versions in one transaction, and writes the tenancy DDL into generated ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from alembic import context
from alembic.operations import ops
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from turnus.entry.models import metadata
from turnus.platform.db.schema import is_tenant_table, tenancy_ddl

LOCK_TIMEOUT = "10s"


def add_tenancy(_: Any, __: Any, directives: list[Any]) -> None:
    """Let every generated `create table` of a tenant table bring its row-level security."""
    for script in directives:
        script.upgrade_ops.ops = list(_with_tenancy(script.upgrade_ops.ops))


def _with_tenancy(operations: Iterable[Any]) -> Iterable[Any]:
    for operation in operations:
        yield operation
        if isinstance(operation, ops.CreateTableOp):
            table = metadata.tables[operation.table_name]
            if is_tenant_table(table) and not table.info.get("global_"):
                statements = tenancy_ddl(table.name, **{k: v for k, v in table.info.items() if k == "privileges"})
                yield from (ops.ExecuteSQLOp(statement) for statement in statements)


def include(_: Any, name: str | None, kind: str, __: bool, ___: Any) -> bool:
    """Leave the job queue's own tables and indexes alone."""
    return not (name or "").startswith("procrastinate") and not (kind == "index" and "procrastinate" in (name or ""))


def run() -> None:
    """Run with the connection given by `platform.db.migrate`, or one to the configured URL."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _run_on(connection)
        return
    url = context.config.get_main_option("sqlalchemy.url")
    assert url is not None
    with create_engine(url, poolclass=NullPool).connect() as connection:
        _run_on(connection)
        connection.commit()


def _run_on(connection: Any) -> None:
    connection.execute(text(f"set local lock_timeout = '{LOCK_TIMEOUT}'"))
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_object=include,
        process_revision_directives=add_tenancy,
        compare_type=True,
        user_module_prefix="",
    )
    with context.begin_transaction():
        context.run_migrations()


run()
