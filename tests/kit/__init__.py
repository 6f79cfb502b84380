"""The test kit: a database per worker, a fresh tenant per test, a world that travels in time."""
