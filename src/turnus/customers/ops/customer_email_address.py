"""Create, change and delete e-mail addresses of a customer. Exactly one is the default: the login (01 §3.3)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, select

from turnus.customers import rules
from turnus.customers.commands import EmailFields
from turnus.customers.errors import refused_races
from turnus.customers.model import Customer, CustomerEmail
from turnus.customers.ops.tell_change import lock_customer, tell_change
from turnus.customers.ops.write_customers import receiver_name
from turnus.customers.views import CustomerView
from turnus.kernel.errors import InvalidState, NotFound, ValidationFailed, Violation
from turnus.kernel.ids import new_id
from turnus.platform.context import Context
from turnus.platform.db import terms
from turnus.platform.db.reads import read_scalar
from turnus.platform.db.terms import fold

_login_of_another = read_scalar(
    select(CustomerEmail.id).where(
        CustomerEmail.is_default,
        CustomerEmail.email_folded == bindparam("email", type_=Text),
        CustomerEmail.customer_id != bindparam("customer_id", type_=Uuid),
    )
)


async def create_email_address(ctx: Context, customer_id: UUID, fields: EmailFields) -> UUID:
    """A further e-mail address; its id.

    Raises:
        ValidationFailed: it shall be the login and is that of another customer.
        TakenMeanwhile: as before, by a racing request.
    """
    customer, before = await lock_customer(ctx, customer_id)
    values = _values(customer, fields)
    if fields.is_default:
        await _check_login(ctx, customer_id, values["email_folded"])
        await _drop_default(ctx, customer_id)
    now = ctx.now()
    row = ctx.add(
        CustomerEmail(
            id=new_id(),
            customer_id=customer_id,
            is_default=fields.is_default,
            status="active",
            verified_at=None,
            **values,
            created_at=now,
            updated_at=now,
        )
    )
    await _told(ctx, customer, before)
    return row.id


async def replace_email_address(ctx: Context, email_id: UUID, fields: EmailFields) -> None:
    """New content of an e-mail address; another address has not been verified and has not bounced.

    Raises:
        ValidationFailed: the login shall stop to be it (make another one the default instead), or is taken.
        TakenMeanwhile: as before, by a racing request.
    """
    customer, before, row = await _locked(ctx, email_id)
    values = _values(customer, fields)
    found = []
    if row.is_default and fields.given("is_default") and not fields.is_default:
        found.append(Violation("isDefault", "read_only"))
    is_login = row.is_default or fields.is_default
    if is_login and await _login_of_another.first(ctx, email=values["email_folded"], customer_id=customer.id):
        found.append(Violation("email", "not_unique"))
    if found:
        raise ValidationFailed(found)
    if values["email_folded"] != row.email_folded:
        values |= {"status": "active", "verified_at": None}
    if fields.is_default and not row.is_default:
        await _drop_default(ctx, customer.id)
        values["is_default"] = True
    for column, value in values.items():
        setattr(row, column, value)
    if ctx.session.is_modified(row):
        row.updated_at = ctx.now()
    await _told(ctx, customer, before)


async def make_email_address_default(ctx: Context, email_id: UUID) -> None:
    """Make an e-mail address the login of its customer; the previous one stays as a further address.

    Raises:
        ValidationFailed: it is the login of another customer.
        TakenMeanwhile: as before, by a racing request.
    """
    customer, before, row = await _locked(ctx, email_id)
    if row.is_default:
        return
    await _check_login(ctx, customer.id, row.email_folded)
    await _drop_default(ctx, customer.id)
    row.is_default, row.updated_at = True, ctx.now()
    await _told(ctx, customer, before)


async def delete_email_address(ctx: Context, email_id: UUID) -> None:
    """Remove an e-mail address. Raises InvalidState for the default one."""
    customer, before, row = await _locked(ctx, email_id)
    if row.is_default:
        raise InvalidState("default", ["further"], "Make another e-mail address the default first.")
    await ctx.session.delete(row)
    await _told(ctx, customer, before)


def _values(customer: Customer, fields: EmailFields) -> dict[str, Any]:
    """The columns that a body sets. The older `type` speaks where the flag does not."""
    for_invoices = fields.is_invoice_email
    if not fields.given("is_invoice_email"):
        for_invoices = fields.type == "TYPE_INVOICE"
    return {
        "email": fields.email,
        "email_folded": fold(fields.email),
        "receiver_name": fields.receiver_name or receiver_name(customer),
        "is_invoice_email": for_invoices,
        "is_dunning_email": fields.is_dunning_email,
    }


async def _locked(ctx: Context, email_id: UUID) -> tuple[Customer, CustomerView, CustomerEmail]:
    """The e-mail address, read after its customer was locked. Raises NotFound."""
    await ctx.flush()
    own = select(CustomerEmail).where(CustomerEmail.tenant_id == ctx.tenant_id, CustomerEmail.id == email_id)
    customer_id = await ctx.session.scalar(own.with_only_columns(CustomerEmail.customer_id))
    if customer_id is None:
        raise NotFound()
    customer, before = await lock_customer(ctx, customer_id)
    row = await ctx.session.scalar(own.execution_options(populate_existing=True))
    if row is None:
        raise NotFound()
    return customer, before, row


async def _check_login(ctx: Context, customer_id: UUID, email_folded: str) -> None:
    if await _login_of_another.first(ctx, email=email_folded, customer_id=customer_id):
        raise ValidationFailed.at("email", "not_unique")


async def _drop_default(ctx: Context, customer_id: UUID) -> None:
    """Take the flag off the login, before another address gets it."""
    await ctx.flush()
    previous = await ctx.session.scalar(
        select(CustomerEmail)
        .where(CustomerEmail.tenant_id == ctx.tenant_id, CustomerEmail.customer_id == customer_id)
        .where(CustomerEmail.is_default)
        .execution_options(populate_existing=True)
    )
    if previous is not None:
        previous.is_default, previous.updated_at = False, ctx.now()
        await ctx.flush()


async def _told(ctx: Context, customer: Customer, before: CustomerView) -> None:
    """Write, index the customer's addresses for search if they are others now, and tell."""
    with refused_races():
        await ctx.flush()
    emails = list(
        await ctx.session.scalars(
            select(CustomerEmail.email).where(
                CustomerEmail.tenant_id == ctx.tenant_id, CustomerEmail.customer_id == customer.id
            )
        )
    )
    if set(emails) != {email.email for email in before.email_addresses}:
        await terms.replace(ctx, "customer", customer.id, rules.search_fields(customer, emails))
    await tell_change(ctx, customer, before)
