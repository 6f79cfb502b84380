"""Numbered invoices get their PDF and their e-invoice, once, and are let out then."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from obstore.exceptions import BaseError

from kit.builders import Payer
from kit.races import until
from kit.vandal import vandal
from kit.world import World
from turnus.billing.ops.render_documents import LEASE, render_batch
from turnus.billing.verify import verify
from turnus.documents.einvoice import Profile
from turnus.documents.einvoice.validation import validate
from turnus.platform.files import FileStore
from turnus.platform.services import Services


async def _billed(world: World, name: str = "Acme", **options: str) -> Payer:
    payer = await world.customer(name, **options).subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    return payer


def _states(world: World) -> list[tuple[str, int, bool, bool]]:
    """Status, attempts, whether there are files, whether it waits; of all invoices by number."""
    return world.look(
        "select status, render_attempts::int, pdf_id is not null and xml_id is not null, render_after is not null"
        " from invoice order by number"
    )


async def test_rendered_invoice_is_open_and_its_files_are_downloaded(world: World) -> None:
    acme = await _billed(world)
    id = acme.invoices()[0]["id"]
    for kind in ("pdf", "xml"):
        early = await world.client.get(f"/invoices/{id}/{kind}")
        assert (early.status_code, early.json()["code"]) == (409, "invalid_state")
        assert early.json()["currentState"] == "STATUS_FINALIZING"
    assert await world.render() == 1
    assert _states(world) == [("STATUS_UNPAID", 1, True, False)]
    assert world.events()[-1] == "invoice.finalized"

    pdf = await world.client.get(f"/invoices/{id}/pdf")
    xml = await world.client.get(f"/invoices/{id}/xml")
    assert (pdf.headers["content-type"], xml.headers["content-type"]) == ("application/pdf", "application/xml")
    assert 'filename="RE-0000000001.pdf"' in pdf.headers["content-disposition"]
    assert 'filename="RE-0000000001-factur-x.xml"' in xml.headers["content-disposition"]
    assert pdf.content.startswith(b"%PDF-")
    assert b"RE-0000000001" in xml.content

    body = (await world.client.get(f"/invoices/{id}")).json()
    assert body["status"] == "STATUS_UNPAID"
    assert body["documentHash"] == hashlib.sha256(pdf.content).hexdigest()
    assert (body["file"]["fileName"], body["file"]["mimeType"]) == ("RE-0000000001.pdf", "application/pdf")
    assert body["xmlFile"]["fileExtension"] == "xml"
    assert await verify(world.database, world.tenant_id, files=world.services.files) == []
    assert await world.render() == 0


async def test_documents_of_real_runs_pass_the_official_rules(world: World) -> None:
    await world.settings(**{"billing.consolidate": "same_billing_date"})
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", setup="99.00", on="2026-06-01")
    await acme.subscribed_to("Gross", monthly="9.99", gross=True, on="2026-06-01")
    await acme.subscribed_to("Books", monthly="10.00", tax="7%", on="2026-06-01")
    await world.customer("Wiener Werkstatt", country_code="AT", vat_id="ATU13585627", vat_id_valid=True).subscribed_to(
        "Basic", monthly="30.00", on="2026-06-01"
    )
    await world.customer("Alpenwerk", country_code="CH").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    city = await world.customer("Stadt Bremen", leitweg_id="04011000-1234512345-06").subscribed_to(
        "Basic", monthly="30.00", on="2026-06-01"
    )
    await world.travel_to("2026-06-21")
    await city.cancelled_now()
    await world.travel_to("2026-06-22")
    assert await world.render() == 5
    found = {}
    for id, number, form in world.look("select id, number, e_invoice_format from invoice order by number"):
        xml = (await world.client.get(f"/invoices/{id}/xml")).content
        profile = Profile.XRECHNUNG if form == "xrechnung" else Profile.EN16931
        report = await asyncio.to_thread(validate, xml, profile)
        assert report.errors == (), (number, report.errors)
        found[number] = form
    assert found == {
        "GS-0000000001": "xrechnung",
        "RE-0000000001": "zugferd",
        "RE-0000000002": "zugferd",
        "RE-0000000003": "zugferd",
        "RE-0000000004": "xrechnung",
    }


async def test_public_buyer_gets_an_xrechnung_with_its_leitweg_id(world: World) -> None:
    city = await _billed(world, "Stadt Bremen", leitweg_id="04011000-1234512345-06")
    await world.render()
    xml = await world.client.get(f"/invoices/{city.invoices()[0]['id']}/xml")
    assert b"xrechnung" in xml.content
    assert b"<ram:BuyerReference>04011000-1234512345-06</ram:BuyerReference>" in xml.content
    assert 'filename="RE-0000000001-xrechnung.xml"' in xml.headers["content-disposition"]


async def test_document_of_nothing_is_paid_at_once(world: World) -> None:
    await world.settings(**{"billing.generateZeroDocuments": True})
    await world.customer("Gratis").subscribed_to("Free", monthly="0.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    await world.render()
    assert _states(world) == [("STATUS_PAID", 1, True, False)]
    assert await verify(world.database, world.tenant_id) == []


async def test_document_that_cannot_be_rendered_is_tried_again_later_with_the_same_number(world: World) -> None:
    await _billed(world)
    await world.customer("Bolt").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.bill()
    first = "(select id from invoice where tenant_id = $tenant and number = 'RE-0000000001')"
    swap = (
        "update invoice_snapshot set document = convert_to(replace(convert_from(document, 'UTF8'), {0}, {1}), 'UTF8')"
        f" where tenant_id = $tenant and id = {first}"
    )
    kind, nonsense = "'\"TYPE_INVOICE\"'", "'\"TYPE_NONSENSE\"'"
    async with vandal(world, lasting=True) as damager:
        await damager.does(swap.replace("{0}", kind).replace("{1}", nonsense))
    assert await world.render() == 1  # the other one is not held up
    assert _states(world) == [("STATUS_FINALIZING", 1, False, True), ("STATUS_UNPAID", 1, True, False)]
    assert world.events().count("invoice.finalized") == 1
    id = world.look("select id from invoice where number = 'RE-0000000001'")[0][0]
    body = (await world.client.get(f"/invoices/{id}")).json()
    assert body["renderingError"]
    waits = world.look("select render_after from invoice where id = %s", id)[0][0] - world.clock.wall()
    assert timedelta(minutes=3, seconds=59) < waits <= timedelta(minutes=4)  # 4¹ minutes

    assert await world.render() == 0  # too early
    world.clock.instant += timedelta(minutes=5)
    assert await world.render() == 0
    waits = world.look("select render_after from invoice where id = %s", id)[0][0] - world.clock.wall()
    assert timedelta(minutes=15, seconds=59) < waits <= timedelta(minutes=16)  # 4² minutes
    async with vandal(world, lasting=True) as repairer:
        await repairer.does(swap.replace("{0}", nonsense).replace("{1}", kind))
    world.clock.instant += timedelta(minutes=17)
    assert await world.render() == 1
    assert _states(world) == [("STATUS_UNPAID", 3, True, False), ("STATUS_UNPAID", 1, True, False)]
    body = (await world.client.get(f"/invoices/{id}")).json()
    assert (body["number"], body["renderingError"]) == ("RE-0000000001", None)
    assert world.events().count("invoice.finalized") == 2
    assert await verify(world.database, world.tenant_id, files=world.services.files) == []


async def test_two_renderers_at_once_let_each_document_out_once(world: World) -> None:
    for n in range(6):
        await world.customer(f"Customer {n}").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    done = await asyncio.gather(world.render(limit=3), world.render(limit=3), world.render(limit=3))
    assert sum(done) == 6
    assert _states(world) == [("STATUS_UNPAID", 1, True, False)] * 6
    assert world.look("select count(*) from media") == [(12,)]
    assert world.events().count("invoice.finalized") == 6


async def test_batch_of_a_renderer_that_died_goes_to_the_next_after_its_lease(world: World) -> None:
    await _billed(world)
    dying = asyncio.ensure_future(world.render())
    await until(world, "select render_attempts::int from invoice", 1)
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    assert await world.render() == 0
    world.clock.instant += LEASE
    assert await world.render() == 1
    assert _states(world) == [("STATUS_UNPAID", 2, True, False)]
    assert world.events().count("invoice.finalized") == 1


async def test_renderer_that_outlived_its_lease_lets_nothing_out_twice(world: World) -> None:
    await _billed(world)
    slow = asyncio.ensure_future(world.render())
    await until(world, "select render_attempts::int from invoice", 1)
    world.clock.instant += LEASE
    assert (await world.render()) + (await slow) == 1
    assert world.look("select count(*) from media") == [(2,)]
    assert world.events().count("invoice.finalized") == 1
    assert await verify(world.database, world.tenant_id, files=world.services.files) == []


async def test_file_store_that_fails_leaves_the_document_to_the_next(world: World, tmp_path: Path) -> None:
    await _billed(world)
    (tmp_path / str(world.tenant_id)).write_text("a file where the tenant's folder should be")
    broken = Services(world.services.cipher, FileStore(str(tmp_path)), world.services.outbound)
    with pytest.raises(BaseError):
        await render_batch(world.database, world.tenant_id, clock=world.clock, services=broken)
    assert _states(world) == [("STATUS_FINALIZING", 1, False, True)]
    assert world.look("select count(*) from media") == [(0,)]
    world.clock.instant += LEASE
    assert await world.render() == 1
    assert await verify(world.database, world.tenant_id, files=world.services.files) == []
