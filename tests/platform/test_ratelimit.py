"""The token bucket: worked examples, its bound in every window, sharing between processes, cost."""

import time
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnus.platform.ratelimit import Consumption, Limiter

limits = st.integers(1, 6000)
bursts = st.integers(1, 100)
gaps = st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=150)


def test_the_default_of_an_api_token_300_a_minute_with_a_burst_of_60() -> None:
    limiter = Limiter()

    passed = [limiter.check("token", 300, 60, now=1000.0) for _ in range(61)]

    assert [decision.allowed for decision in passed] == [True] * 60 + [False]
    assert [decision.remaining for decision in passed[:60]] == list(range(59, -1, -1))
    # The first token comes back after 60 s / 300 = 0.2 s, the whole burst after 60 · 0.2 = 12 s.
    assert passed[60].headers() == {
        "RateLimit-Limit": "300",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "12",
        "Retry-After": "1",
    }
    assert not limiter.check("token", 300, 60, now=1000.19).allowed
    assert limiter.check("token", 300, 60, now=1000.21).allowed
    assert limiter.check("other", 300, 60, now=1000.21).allowed


def test_headers_of_a_request_that_passes_have_no_retry_after() -> None:
    decision = Limiter().check("token", 300, 60, now=0.0)

    assert decision.headers() == {"RateLimit-Limit": "300", "RateLimit-Remaining": "59", "RateLimit-Reset": "1"}


def test_a_slow_limit_says_how_long_to_wait() -> None:
    limiter = Limiter()
    limiter.check("otp", 2, 1, now=0.0)

    refused = limiter.check("otp", 2, 1, now=10.0)

    assert (refused.allowed, refused.retry_after, refused.reset_seconds) == (False, 20, 20)
    assert not limiter.check("otp", 2, 1, now=29.9).allowed
    assert limiter.check("otp", 2, 1, now=30.0).allowed


@given(limits, bursts, gaps)
@settings(max_examples=200)
def test_no_window_ever_sees_more_than_the_limit_and_the_burst(limit: int, burst: int, waits: list[float]) -> None:
    limiter = Limiter()
    instants = list(accumulate(waits))

    passed = [now for now in instants if limiter.check("k", limit, burst, now).allowed]

    for first in range(len(passed)):
        for last in range(first, len(passed)):
            window = passed[last] - passed[first]
            assert last - first + 1 <= burst + limit * window / 60 + 1e-6
            if window <= 60:
                assert last - first + 1 <= burst + limit


@given(limits, bursts, gaps, st.floats(0.001, 100))
def test_who_waits_as_told_passes_and_waiting_longer_never_hurts(
    limit: int, burst: int, waits: list[float], longer: float
) -> None:
    sooner, later = Limiter(), Limiter()
    now = 0.0
    for wait in waits:
        now += wait
        assert sooner.check("k", limit, burst, now) == later.check("k", limit, burst, now)

    first = sooner.check("k", limit, burst, now)
    second = later.check("k", limit, burst, now + longer)
    assert second.allowed >= first.allowed
    assert second.remaining >= first.remaining
    if not first.allowed:
        assert sooner.check("k", limit, burst, now + first.retry_after).allowed


@given(limits, bursts, st.integers(1, 200), st.integers(0, 500))
def test_at_one_instant_remaining_only_falls_and_foreign_consumption_never_gives(
    limit: int, burst: int, requests: int, foreign: int
) -> None:
    alone, shared = Limiter(), Limiter()
    shared.apply_remote([Consumption("k", limit, burst, foreign)], now=5.0)

    decisions = [(alone.check("k", limit, burst, 5.0), shared.check("k", limit, burst, 5.0)) for _ in range(requests)]

    remaining = [mine.remaining for mine, _ in decisions]
    assert remaining == sorted(remaining, reverse=True)
    assert sum(mine.allowed for mine, _ in decisions) == min(requests, burst)
    assert sum(theirs.allowed for _, theirs in decisions) == min(requests, max(0, burst - foreign))
    assert all(mine.remaining >= theirs.remaining for mine, theirs in decisions)


@given(limits, bursts, st.lists(st.floats(-100, 100, allow_nan=False), max_size=100))
def test_a_clock_that_jumps_back_gains_nothing(limit: int, burst: int, jumps: list[float]) -> None:
    limiter = Limiter()
    now = highest = 1000.0
    passed = 0
    for jump in jumps:
        now += jump
        highest = max(highest, now)
        passed += limiter.check("k", limit, burst, now).allowed

    assert passed <= burst + limit * (highest - 1000.0 + 100) / 60


def test_limits_may_change_while_a_bucket_lives() -> None:
    limiter = Limiter()
    assert limiter.check("k", 300, 60, 0.0).remaining == 59
    assert limiter.check("k", 300, 5, 0.0).remaining == 4
    assert limiter.check("k", 300, 60, 0.0).remaining == 3
    with pytest.raises(ValueError, match="at least 1"):
        limiter.check("k", 0, 60, 0.0)
    with pytest.raises(ValueError, match="at least 1"):
        limiter.check("k", 60, 0, 0.0)


def test_four_processes_that_share_every_second_let_pass_what_one_may() -> None:
    processes = [Limiter() for _ in range(4)]
    passed = 0
    for second in range(120):
        for tenth in range(10):
            for limiter in processes:
                for _ in range(5):
                    passed += limiter.check("k", 300, 60, second + tenth / 10).allowed
        deltas = [limiter.drain_deltas() for limiter in processes]
        for index, limiter in enumerate(processes):
            for other, delta in enumerate(deltas):
                if other != index:
                    limiter.apply_remote(delta, second + 0.95)

    # Two minutes allow 60 + 2 · 300 = 660; before the first exchange each of the four gives its burst of 60 and 5 more.
    assert 620 <= passed <= 660 + 3 * 65


def test_what_is_drained_is_drained_once_and_counts_only_what_passed() -> None:
    limiter = Limiter()
    for _ in range(5):
        limiter.check("a", 60, 3, 0.0)
    limiter.check("b", 300, 60, 0.0)

    assert limiter.drain_deltas() == [Consumption("a", 60, 3, 3), Consumption("b", 300, 60, 1)]
    assert limiter.drain_deltas() == []
    limiter.apply_remote([Consumption("a", 60, 3, 7)], 0.0)
    assert limiter.drain_deltas() == []


def test_nobody_is_shut_out_for_more_than_a_minute_and_one_token() -> None:
    limiter = Limiter()
    limiter.apply_remote([Consumption("k", 60, 10, 100_000)], 0.0)

    refused = limiter.check("k", 60, 10, 0.0)

    assert (refused.allowed, refused.retry_after) == (False, 61)
    assert limiter.check("k", 60, 10, 61.0).allowed


def test_memory_is_bounded_and_the_key_unused_for_longest_goes_first() -> None:
    limiter = Limiter(max_keys=3)
    for key in ("a", "b", "c"):
        assert limiter.check(key, 1, 1, 0.0).allowed
    assert not limiter.check("a", 1, 1, 0.0).allowed

    assert limiter.check("d", 1, 1, 0.0).allowed

    assert len(limiter) == 3
    assert not limiter.check("a", 1, 1, 0.0).allowed
    assert limiter.check("b", 1, 1, 0.0).allowed
    assert len(limiter.drain_deltas()) <= 3
    with pytest.raises(ValueError, match="one key"):
        Limiter(max_keys=0)


def test_a_check_costs_microseconds() -> None:
    limiter = Limiter()
    keys = [f"key-{number}" for number in range(1000)]

    def seconds_per_check() -> float:
        begin = time.perf_counter()
        for now in range(20):
            for key in keys:
                limiter.check(key, 300, 60, float(now))
        return (time.perf_counter() - begin) / 20_000

    # About 1 µs; the best of several rounds, and room for a busy machine.
    assert min(seconds_per_check() for _ in range(5)) < 5e-6
