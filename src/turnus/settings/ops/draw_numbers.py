"""Draw numbers from a range, inside the transaction that uses them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import date
from uuid import UUID

from turnus.kernel.errors import Problem
from turnus.kernel.ids import new_ids
from turnus.platform.context import Context
from turnus.platform.db.bulk import UNNEST_LIMIT, insert_rows
from turnus.platform.db.locks import LockOrder, take
from turnus.platform.db.terms import fold
from turnus.settings import number_ranges
from turnus.settings.number_ranges import Drawn, Range
from turnus.settings.values import value

MAX_COLLISIONS = 1000
_LOCK = (
    "select id, chain_hash, chain_length,"
    " type, method, format, min_digits, random_length, current_number, reset, reset_period"
    " from number_range where type = %s for no key update"
)
_ADVANCE = (
    "update number_range set current_number = %s, reset_period = %s, chain_hash = %s, chain_length = %s,"
    " updated_at = %s where id = %s"
)
_TAKEN = "select number_folded from number_issued where space = %s and number_folded = any(%s)"
_COLUMNS = [
    ("tenant_id", "uuid"),
    ("id", "uuid"),
    ("type", "text"),
    ("space", "text"),
    ("number", "text"),
    ("number_folded", "text"),
    ("value", "bigint"),
    ("object_id", "uuid"),
    ("issued_at", "timestamptz"),
    ("chain_position", "bigint"),
    ("content_hash", "bytea"),
    ("chain_hash", "bytea"),
]


class NumberRangeExhausted(Problem):
    """More than 1000 numbers in a row were taken already."""

    code, status = "number_range_exhausted", 409


async def draw_numbers(
    ctx: Context,
    type: str,
    objects: Sequence[UUID],
    *,
    day: date | None = None,
    customer_numbers: Sequence[str] = (),
    contents: Sequence[bytes] = (),
) -> list[str]:
    """One number per object, in their order, noted in the journal.

    Locks the range until the transaction ends: draw last. A number that exists already (given by hand, or after the
    counter was set back) is skipped. `contents` are the content hashes of documents: each number then becomes a link
    of the range's hash chain.

    Raises:
        NumberRangeExhausted: too many numbers in a row are taken.
    """
    if not objects:
        return []
    take(ctx, LockOrder.NUMBER_RANGE)
    await ctx.flush()
    day = day or ctx.today()
    cursor = await ctx.connection.execute(_LOCK, (type,), prepare=True)
    row = await cursor.fetchone()
    assert row is not None, f"tenant has no number range {type}"
    range_id, head, length, state = row[0], row[1], row[2], Range(*row[3:])
    drawn = await free_numbers(ctx, state, len(objects), day, customer_numbers)
    space = number_ranges.space_of(type)
    now = ctx.now()
    links: list[tuple[int | None, bytes | None, bytes | None]] = [(None, None, None)] * len(objects)
    for index, content in enumerate(contents):
        head, length = number_ranges.next_link(head, drawn[index].number, content), length + 1
        links[index] = (length, content, head)
    rows = [
        (ctx.tenant_id, id, type, space, number.number, fold(number.number), number.value, subject, now, *link)
        for id, number, subject, link in zip(new_ids(len(objects)), drawn, objects, links, strict=True)
    ]
    advanced = (state.current_number, state.reset_period, head, length, now, range_id)
    # Small sets go in one round trip; larger ones are copied, which a pipeline cannot do.
    async with ctx.connection.pipeline() if len(rows) <= UNNEST_LIMIT else nullcontext():
        await ctx.connection.execute(_ADVANCE, advanced, prepare=True)
        await insert_rows(ctx.connection, "number_issued", _COLUMNS, rows)
    return [number.number for number in drawn]


async def free_numbers(
    ctx: Context, state: Range, count: int, day: date, customer_numbers: Sequence[str] = ()
) -> list[Drawn]:
    """The next numbers of a range that nobody has; moves its state, writes nothing.

    Raises:
        NumberRangeExhausted: too many numbers in a row are taken, or debtor accounts ran out.
    """
    highest = None
    if state.type == "datev_debtor":
        lowest, highest = number_ranges.debtor_bounds(value(ctx, "datev.accountLength"))
        state.current_number = max(state.current_number, lowest - 1)
    space = number_ranges.space_of(state.type)
    named = "{customerNumber}" in state.format and bool(customer_numbers)
    free: list[Drawn] = []
    seen: set[str] = set()
    collisions = 0
    while len(free) < count:
        # A number with a customer's number in it is his alone, so it is not handed on to the next when one is taken.
        wanted = 1 if named else count - len(free)
        names = [customer_numbers[len(free)]] if named else [""] * wanted
        batch = [number_ranges.draw(state, day, name) for name in names]
        folded = [fold(number.number) for number in batch]
        cursor = await ctx.connection.execute(_TAKEN, (space, folded), prepare=True)
        taken = {row[0] for row in await cursor.fetchall()} | seen
        for number, key in zip(batch, folded, strict=True):
            if key in taken:
                collisions += 1
            else:
                free.append(number)
                seen.add(key)
                collisions = 0
        if collisions > MAX_COLLISIONS or (highest is not None and state.current_number > highest):
            raise NumberRangeExhausted(type=state.type)
    return free


async def claim_number(ctx: Context, type: str, number: str, object_id: UUID) -> bool:
    """Note a number that was given by hand; False when it is taken. The range's counter does not move."""
    cursor = await ctx.connection.execute(
        "insert into number_issued (tenant_id, id, type, space, number, number_folded, value, object_id, issued_at)"
        " values (%s, %s, %s, %s, %s, %s, null, %s, %s) on conflict do nothing",
        (ctx.tenant_id, new_ids(1)[0], type, number_ranges.space_of(type), number, fold(number), object_id, ctx.now()),
        prepare=True,
    )
    return cursor.rowcount == 1


async def claim_numbers(ctx: Context, claims: Sequence[tuple[str, str, UUID]]) -> None:
    """Note numbers that were given by hand: (type, number, object). The ranges' counters do not move.

    Raises psycopg's UniqueViolation when one of them is taken.
    """
    now = ctx.now()
    rows = [
        (ctx.tenant_id, id, type, number_ranges.space_of(type), number, fold(number), None, subject, now)
        for id, (type, number, subject) in zip(new_ids(len(claims)), claims, strict=True)
    ]
    await insert_rows(ctx.connection, "number_issued", _COLUMNS[:9], rows)
