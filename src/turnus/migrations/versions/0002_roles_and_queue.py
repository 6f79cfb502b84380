"""Entering a tenant, the login role's view of the global tables, and the job queue"""

from typing import Any

from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy import text

from turnus.platform.tenancy.model import global_ddl

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    owner = connection.execute(text("select current_user")).scalar_one()
    for statement in global_ddl(owner):
        op.execute(statement)
    # The queue holds all tenants' work: the application's role has no right on it.
    raw: Any = connection.connection
    with raw.cursor() as cursor:
        cursor.execute(SchemaManager.get_schema())


def downgrade() -> None:
    raise NotImplementedError("restore a backup instead")
