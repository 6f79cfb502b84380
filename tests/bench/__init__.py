"""Benchmarks: every figure is a ratio of ours against a limit, measured interleaved in one run."""
