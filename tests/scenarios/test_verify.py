"""`turnus verify` finds nothing in sound books, and every kind of damage in broken ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from kit.vandal import Vandal, vandal
from kit.world import World, a_world
from turnus.billing.verify import Finding, findings, verify
from turnus.platform.db.pool import Database
from turnus.settings.ops.draw_numbers import claim_number


@pytest.fixture(scope="module")
async def books(database: Database) -> AsyncIterator[World]:
    """Half a year of everything: invoices, a credit note, gross prices, two rates, no tax, nothing due, drafts."""
    async with a_world(database, f"Books {uuid4()}") as world:
        await world.settings(**{"billing.consolidate": "same_billing_date"})
        await world.travel_to("2026-01-15")
        acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", setup="99.00", on="2026-02-01")
        await acme.subscribed_to("Books", monthly="9.99", tax="7%", gross=True, on="2026-02-01")
        await acme.subscribed_to("Gross", monthly="9.99", gross=True, on="2026-02-01")
        await world.customer("Alpenwerk", country_code="CH").subscribed_to("Basic", monthly="19.99", on="2026-02-10")
        await world.customer("Gratis").subscribed_to("Free", monthly="0.00", on="2026-02-01")
        leaving = await world.customer("Leaving").subscribed_to("Basic", monthly="30.00", on="2026-02-01")
        await world.travel_to("2026-02-15")
        await leaving.cancelled_now()
        await world.travel_to("2026-04-20")
        await world.render()
        await world.settings(**{"billing.manualApproval": True})
        await world.travel_to("2026-05-20")
        yield world


async def codes(world: World, *, files: bool = False, after: Vandal | None = None) -> dict[str, str]:
    """Kinds of findings, each with the first object it was found at."""
    store = world.services.files if files else None
    if after is None:
        found = await verify(world.database, world.tenant_id, files=store)
    else:
        found = await findings(await after.leaves(), files=store)
    kinds: dict[str, str] = {}
    for finding in found:
        assert finding.text
        assert "{" not in finding.text
        kinds.setdefault(finding.code, finding.object)
    return kinds


async def test_sound_books_have_no_findings(books: World) -> None:
    told: list[tuple[str, int]] = []
    found = await verify(
        books.database, books.tenant_id, files=books.services.files, on_step=lambda *step: told.append(step)
    )
    assert found == []
    assert [name for name, _ in told] == [
        "invoice totals", "ledger", "billed periods", "states", "number journal", "hash chains", "frozen documents",
        "stored files",
    ]  # fmt: skip
    assert books.look("select type, status, count(*) from invoice group by 1, 2 order by 1, 2") == [
        ("TYPE_CREDIT_NOTE", "STATUS_UNPAID", 1),
        ("TYPE_INVOICE", "STATUS_DRAFT", 2),
        ("TYPE_INVOICE", "STATUS_UNPAID", 7),
    ]
    # Suppressed: four months of a product that costs nothing.
    assert books.look("select count(*) from invoice_position where invoice_id is null") == [(4,)]


async def test_empty_books_are_sound(world: World) -> None:
    assert await verify(world.database, world.tenant_id) == []


FIRST = "(select id from invoice where tenant_id = $tenant and number = 'RE-0000000001')"
DAMAGE = {
    "entry removed": (
        f"delete from ledger_entry where tenant_id = $tenant and document_id = {FIRST} and account = '8400'",
        {"booking_unbalanced", "ledger_unbalanced", "invoice_booking"},
    ),
    "booking removed": (
        f"delete from ledger_entry where tenant_id = $tenant and document_id = {FIRST}",
        {"invoice_booking", "open_items"},
    ),
    "booking twice": (
        "insert into ledger_entry (tenant_id, id, booking_id, document_id, customer_id, booked_on, account,"
        " amount_minor, currency_code, kind)"
        " select tenant_id, gen_random_uuid(), document_id, document_id, customer_id, booked_on, account,"
        " amount_minor, currency_code, kind from ledger_entry"
        f" where tenant_id = $tenant and document_id = {FIRST}",
        {"invoice_booking", "open_items"},
    ),
    "tax booked as revenue": (
        f"update ledger_entry set account = '8400' where tenant_id = $tenant and document_id = {FIRST}"
        " and account = '1776'",
        {"invoice_booking"},
    ),
    "booked on somebody else": (
        "update ledger_entry set customer_id = (select id from customer where tenant_id = $tenant"
        " and company_name = 'Gratis')"
        f" where tenant_id = $tenant and document_id = {FIRST}",
        {"invoice_booking", "open_items"},
    ),
    "account without chart": (
        "update ledger_entry set account = '4711' where tenant_id = $tenant and account = '1771'",
        {"account_unknown", "invoice_booking"},
    ),
    "position made cheaper": (
        f"update invoice_position set net_minor = net_minor - 100, gross_minor = gross_minor - 100"
        f" where tenant_id = $tenant and invoice_id = {FIRST} and position = 1",
        {"positions_sum", "tax_bucket", "position_amounts", "positions_changed"},
    ),
    "position removed": (
        f"delete from invoice_position where tenant_id = $tenant and invoice_id = {FIRST} and position = 1",
        {"positions_sum", "tax_bucket", "position_numbers", "positions_changed"},
    ),
    "total and tax rewritten": (
        f"update invoice set net_minor = net_minor - 100, gross_minor = gross_minor - 100"
        f" where tenant_id = $tenant and id = {FIRST}",
        {"positions_sum", "taxes_sum", "invoice_booking", "document_changed", "unpaid_amount"},
    ),
    "bucket of another rate": (
        "update invoice set taxes = jsonb_set(taxes, '{{0,rate}}', '\"16\"')"
        f" where tenant_id = $tenant and id = {FIRST}",
        {"tax_bucket"},
    ),
    "snapshot rewritten": (
        f"update invoice_snapshot set document = document || ' '::bytea where tenant_id = $tenant and id = {FIRST}",
        {"snapshot_changed"},
    ),
    "snapshot removed": (
        f"delete from invoice_snapshot where tenant_id = $tenant and id = {FIRST}",
        {"snapshot_missing"},
    ),
    "due date rewritten": (
        f"update invoice set due_date = due_date + 30 where tenant_id = $tenant and id = {FIRST}",
        {"document_changed"},
    ),
    "line renamed": (
        f"update invoice_position set name = 'Else' where tenant_id = $tenant and invoice_id = {FIRST}",
        {"positions_changed"},
    ),
    "snapshot and hash rewritten": (
        f"with s as (update invoice_snapshot set document = document || ' '::bytea where tenant_id = $tenant and"
        f" id = {FIRST} returning id, salt, document)"
        " update number_issued n set content_hash = sha256(s.salt || s.document) from s"
        " where n.tenant_id = $tenant and n.object_id = s.id",
        {"chain_broken"},
    ),
    "link cut out": (
        "delete from number_issued where tenant_id = $tenant and number = 'RE-0000000003'",
        {"number_not_in_journal", "number_hole", "chain_gap", "chain_broken", "snapshot_changed"},
    ),
    "last document gone": (
        "delete from number_issued where tenant_id = $tenant and chain_position ="
        " (select max(chain_position) from number_issued where tenant_id = $tenant and type = 'invoice')"
        " and type = 'invoice'",
        {"number_not_in_journal", "chain_head", "number_lost", "snapshot_changed"},
    ),
    "counter moved past numbers": (
        "update number_range set current_number = current_number + 3 where tenant_id = $tenant and type = 'invoice'",
        {"number_lost"},
    ),
    "head of the chain forged": (
        "update number_range set chain_hash = sha256('x') where tenant_id = $tenant and type = 'credit_note'",
        {"chain_head"},
    ),
    "document gone": (
        f"delete from invoice where tenant_id = $tenant and id = {FIRST}",
        {"number_without_document", "invoice_booking", "open_items"},
    ),
    "number rewritten": (
        f"update invoice set number = 'RE-0000000099', number_folded = 're-0000000099'"
        f" where tenant_id = $tenant and id = {FIRST}",
        {"number_not_in_journal", "number_without_document", "snapshot_changed"},
    ),
    "period billed twice": (
        "update invoice_position set service_from = service_from - 1 where tenant_id = $tenant"
        " and charge_kind = 'period' and service_from = '2026-03-01' and net_minor = 3000",
        {"period_twice"},
    ),
    "item forgets what was billed": (
        "update subscription_item set billed_until = billed_until - 31 where tenant_id = $tenant and name = 'Gross'",
        {"billed_until"},
    ),
    "suppressed position lost": (
        "delete from invoice_position where tenant_id = $tenant and invoice_id is null",
        {"billed_until"},
    ),
    "payment without booking": (
        f"update invoice set unpaid_minor = 0, status = 'STATUS_PAID' where tenant_id = $tenant and id = {FIRST}",
        {"open_items"},
    ),
    "more open than billed": (
        f"update invoice set unpaid_minor = gross_minor + 1 where tenant_id = $tenant and id = {FIRST}",
        {"open_items", "unpaid_amount"},
    ),
    "paid with something open": (
        f"update invoice set status = 'STATUS_PAID' where tenant_id = $tenant and id = {FIRST}",
        {"unpaid_amount"},
    ),
    "numbered draft": (
        f"update invoice set status = 'STATUS_DRAFT' where tenant_id = $tenant and id = {FIRST}",
        {"status_number", "status_files", "unpaid_amount"},
    ),
    "let out without files": (
        f"update invoice set pdf_id = null where tenant_id = $tenant and id = {FIRST}",
        {"status_files"},
    ),
    "finalisation date lost": (
        f"update invoice set finalization_date = null where tenant_id = $tenant and id = {FIRST}",
        {"final_dates"},
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_damage_is_found(books: World, damage: str) -> None:
    statement, expected = DAMAGE[damage]
    async with vandal(books) as damager:
        await damager.does(statement)
        found = await codes(books, after=damager)
    assert set(found) == expected


@pytest.mark.parametrize(("damage", "code"), [("removed", "file_missing"), ("changed", "file_changed")])
async def test_damaged_files_are_found(books: World, damage: str, code: str) -> None:
    name = books.look(
        "select m.storage_name from media m join invoice i on i.pdf_id = m.id where i.number = 'RE-0000000002'"
    )[0][0]
    store = books.services.files
    kept = await store.get(name)
    await store.delete(name)
    if damage == "changed":
        await store.put(name, b"%PDF-1.7 something else")
    assert await codes(books) == {}
    assert await codes(books, files=True) == {code: "RE-0000000002"}
    await store.put(name, kept)


async def test_damage_elsewhere_is_another_tenants_matter(books: World, other_world: World) -> None:
    async with vandal(books) as damager:
        await damager.does("delete from ledger_entry where tenant_id = $tenant")
        damager.world = other_world
        assert await codes(other_world, after=damager) == {}


async def test_a_hundred_findings_of_a_kind_are_enough(books: World) -> None:
    async with vandal(books) as damager:
        await damager.does(
            "insert into number_issued (tenant_id, id, type, space, number, number_folded, object_id, issued_at)"
            " select $tenant, gen_random_uuid(), 'invoice', 'document', 'X' || n, 'x' || n, gen_random_uuid(), now()"
            " from generate_series(1, 150) n"
        )
        found = await findings(await damager.leaves())
    assert len(found) == 100
    assert isinstance(found[0], Finding)


@pytest.mark.parametrize("reset", ["yearly", "monthly"])
async def test_reset_counters_leave_no_holes(world: World, reset: str) -> None:
    body = {"format": "{yearLong}-{month}-{number}", "reset": reset}
    answer = await world.client.patch("/number-ranges/invoice", json=body)
    assert answer.status_code in (200, 204), answer.text
    await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-11-01")
    await world.travel_to("2027-02-01")
    values = [row[0] for row in world.look("select value from number_issued where type = 'invoice' order by id")]
    assert values == ([1, 2, 1, 2] if reset == "yearly" else [1, 1, 1, 1])
    assert await codes(world) == {}


async def test_counter_that_somebody_set_explains_the_hole(world: World) -> None:
    await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-15")
    answer = await world.client.patch("/number-ranges/invoice", json={"currentNumber": 100})
    assert answer.status_code in (200, 204), answer.text
    assert await codes(world) == {}
    await world.travel_to("2026-07-15")
    assert world.look("select value from number_issued where type = 'invoice' order by id") == [(1,), (101,)]
    assert await codes(world) == {}
    async with vandal(world) as damager:
        await damager.does("delete from activity where tenant_id = $tenant and resource_type = 'number_range'")
        assert await codes(world, after=damager) == {"number_hole": "RE-0000000101"}


async def test_number_given_by_hand_explains_the_hole(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    document = acme.invoices()[0]["id"]
    async with world.work() as ctx:
        assert await claim_number(ctx, "invoice", "RE-0000000002", document)
    await world.travel_to("2026-07-01")
    assert acme.invoices()[1]["number"] == "RE-0000000003"
    # The hand-given number has no document here, which is another finding; the hole itself is explained.
    assert await codes(world) == {"number_without_document": "RE-0000000002"}
