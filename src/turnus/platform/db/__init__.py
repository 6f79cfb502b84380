"""PostgreSQL: schema base, pool, compiled reads, bulk writes, locks, embedded server."""
