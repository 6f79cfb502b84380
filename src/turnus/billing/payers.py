"""Who pays: customers and addresses as documents freeze them, loaded for a whole chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, lateral, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from turnus.billing.drafts import PartyAddress, Payer
from turnus.customers.model import Customer, CustomerAddress, CustomerEmail
from turnus.kernel.errors import Violation
from turnus.platform.context import Context
from turnus.platform.db.reads import Shape, from_, read, shape, together

c = aliased(Customer, name="c")
_default = aliased(CustomerAddress, name="a")
_invoice = aliased(CustomerAddress, name="ia")
_ids = bindparam("ids", type_=ARRAY(Uuid))
_mail = lateral(
    select(CustomerEmail.email)
    .where(CustomerEmail.tenant_id == c.tenant_id, CustomerEmail.customer_id == c.id)
    .where(CustomerEmail.is_invoice_email | CustomerEmail.is_default)
    .order_by(CustomerEmail.is_invoice_email.desc(), CustomerEmail.id)
    .limit(1)
).alias("m")


def _address(a: Any) -> Shape[PartyAddress]:
    return shape(
        PartyAddress,
        present=a.id,
        id=a.id,
        company_name=a.company_name,
        salutation=a.salutation,
        first_name=a.first_name,
        last_name=a.last_name,
        street=a.street,
        house_number=a.house_number,
        addition=a.addition,
        zip=a.zip,
        city=a.city,
        country_code=a.country_code,
        vat_id=a.vat_id,
        cost_centre=a.cost_centre,
    )


class _Loaded(Payer, frozen=True):
    """A payer with both addresses it may use."""

    invoice_address: PartyAddress | None


def _of(row: Any, kind: str) -> Any:
    return (row.tenant_id == c.tenant_id) & (row.customer_id == c.id) & row.is_default & (row.type == kind)


_payers = read(
    from_(c)
    .outerjoin(_default, _of(_default, "TYPE_DEFAULT"))
    .outerjoin(_invoice, _of(_invoice, "TYPE_INVOICE"))
    .outerjoin(_mail, true())
    .where(c.id == func.any(_ids)),
    shape(
        _Loaded,
        id=c.id,
        number=c.number,
        company_name=c.company_name,
        first_name=c.first_name,
        last_name=c.last_name,
        language=c.language,
        vat_id_valid=c.vat_id_valid,
        business_proof=c.business_proof,
        tax_exempt=c.tax_exempt,
        buyer_reference=c.buyer_reference,
        leitweg_id=c.leitweg_id,
        email=_mail.c.email,
        address=_address(_default),
        invoice_address=_address(_invoice),
    ),
)
_addresses = read(from_(CustomerAddress).where(CustomerAddress.id == func.any(_ids)), _address(CustomerAddress))


class Payers:
    """The payers of a chunk."""

    def __init__(self, payers: Sequence[_Loaded], addresses: Sequence[PartyAddress]) -> None:
        self._payers = {payer.id: payer for payer in payers}
        self._addresses = {address.id: address for address in addresses}
        self._made: dict[tuple[UUID, UUID | None], Payer] = {}

    def payer(self, customer: UUID, address: UUID | None) -> Payer:
        """A customer with the address of one contract: its own, else the invoice address, else the default one."""
        key = (customer, address)
        made = self._made.get(key)
        if made is None:
            loaded = self._payers[customer]
            chosen = self._addresses.get(address) if address is not None else None
            chosen = chosen or loaded.invoice_address or loaded.address
            fields = {name: getattr(loaded, name) for name in Payer.__struct_fields__ if name != "address"}
            made = self._made[key] = Payer(**fields, address=chosen)
        return made


async def load_payers(ctx: Context, customers: Sequence[UUID], addresses: Sequence[UUID]) -> Payers:
    """The payers of a chunk and the addresses that single contracts name; one round trip."""
    payers, named = await together(ctx, (_payers, {"ids": list(customers)}), (_addresses, {"ids": list(addresses)}))
    return Payers(payers, named)


def address_violations(payer: Payer) -> list[Violation]:
    """What an invoice to this payer lacks (§ 14 (4) no. 1 UStG: full name and address)."""
    address = payer.address
    person = address.first_name and address.last_name
    missing = []
    if not (address.company_name or person or payer.company_name or (payer.first_name and payer.last_name)):
        missing.append("companyName")
    missing += [name for name in ("zip", "city") if not getattr(address, name)]
    return [
        Violation(f"customer.invoiceAddress.{name}", "missing_for_invoice", parameters={"what": name})
        for name in missing
    ]
