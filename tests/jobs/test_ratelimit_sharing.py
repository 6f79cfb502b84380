"""Limits that hold over several API processes."""

from __future__ import annotations

from kit.world import World
from turnus.platform.api.ratelimit_sharing import Sharing
from turnus.platform.ratelimit import Limiter


async def test_what_one_process_lets_pass_counts_in_the_other(world: World) -> None:
    key = f"token:{world.tenant_id}"
    now = world.clock.wall().timestamp()
    left, right = Limiter(), Limiter()
    one, two = Sharing(world.database, left, world.clock), Sharing(world.database, right, world.clock)
    await one.exchange()
    await two.exchange()
    for _ in range(6):
        assert left.check(key, 60, 10, now).allowed
    assert right.check(key, 60, 10, now).remaining == 9
    await one.exchange()
    await two.exchange()
    # 10 - 1 here - 6 there - the one of this call.
    assert right.check(key, 60, 10, now).remaining == 2
    await two.exchange()
    await one.exchange()
    await one.exchange()
    assert left.check(key, 60, 10, now).remaining == 1
    assert left.check(key, 60, 10, now).allowed
    assert not left.check(key, 60, 10, now).allowed


async def test_a_process_that_begins_does_not_owe_what_passed_before(world: World) -> None:
    key = f"token:{world.tenant_id}"
    now = world.clock.wall().timestamp()
    old, new = Limiter(), Limiter()
    sharing = Sharing(world.database, old, world.clock)
    for _ in range(8):
        old.check(key, 60, 10, now)
    await sharing.exchange()
    late = Sharing(world.database, new, world.clock)
    await late.exchange()
    assert new.check(key, 60, 10, now).remaining == 9
    old.check(key, 60, 10, now)
    await sharing.exchange()
    await late.exchange()
    assert new.check(key, 60, 10, now).remaining == 7
