"""Events: the outbox and the job queue are vacuumed like the queues they are"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rows live for a moment only: without this the claim reads past ever more dead ones at the head of the index.
    for table in ("outbox", "procrastinate_jobs"):
        op.execute(
            f"alter table {table} set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,"
            " autovacuum_vacuum_cost_delay = 0)"
        )


def downgrade() -> None:
    raise NotImplementedError("restore a backup instead")
