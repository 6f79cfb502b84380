"""Events: the outbox is vacuumed like the queue it is; what API processes tell each other of their rate limits"""

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
    # Unlogged: after a crash of the server the buckets are full again, which is no harm. The login role alone uses it.
    op.execute(
        "create unlogged table rate_limit_usage (process uuid, key text, limit_per_minute int not null,"
        " burst int not null, passed bigint not null, updated_at timestamptz not null default clock_timestamp(),"
        " primary key (process, key))"
    )
    op.execute("create index ix_rate_limit_usage_updated_at on rate_limit_usage (updated_at)")


def downgrade() -> None:
    raise NotImplementedError("restore a backup instead")
