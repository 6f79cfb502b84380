"""Create a customer."""

from __future__ import annotations

from sqlalchemy.orm import make_transient_to_detached

from turnus.customers.commands import CreateCustomer
from turnus.customers.events import CUSTOMER_CREATED
from turnus.customers.model import Customer
from turnus.customers.ops.check_customers import check_creation, look_up
from turnus.customers.ops.write_customers import write_customers
from turnus.kernel.errors import ValidationFailed
from turnus.kernel.ids import new_id
from turnus.platform.context import Context


async def create_customer(ctx: Context, command: CreateCustomer) -> Customer:
    """A new active customer with a default address (perhaps empty) and a login e-mail address.

    Raises:
        ValidationFailed: e-mail, number, debtor number or external id are taken; a reference does not exist; a VAT id
            or custom field is wrong.
        TakenMeanwhile: a racing request took one of the unique values.
    """
    id = new_id()
    known = await look_up(ctx, [command])
    if violations := check_creation(ctx, command, known, id):
        raise ValidationFailed(violations)
    [values] = await write_customers(ctx, [command], [id], known.definitions)
    ctx.emit(CUSTOMER_CREATED, [id])
    ctx.log("customer", id, "created")
    # The row is written; the session takes it over as if it had loaded it.
    customer = Customer(**values)
    make_transient_to_detached(customer)
    ctx.session.add(customer)
    return customer
