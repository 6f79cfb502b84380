"""Schema versions (Alembic). A landed version is never edited."""
