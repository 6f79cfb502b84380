"""Create a customer."""

from __future__ import annotations

from sqlalchemy import exists, select

from turnus.customers import rules
from turnus.customers.commands import AddressFields, CreateCustomer
from turnus.customers.events import CUSTOMER_CREATED
from turnus.customers.model import Customer, CustomerAddress, CustomerEmail
from turnus.customers.ops.check_references import check_master_data
from turnus.kernel.errors import ValidationFailed, Violation
from turnus.kernel.ids import new_id
from turnus.platform.context import Context
from turnus.platform.db import terms
from turnus.platform.db.terms import fold, sort_key
from turnus.settings.ops.draw_numbers import claim_number, draw_numbers


async def create_customer(ctx: Context, command: CreateCustomer) -> Customer:
    """A new active customer with a default address (perhaps empty) and a login e-mail address.

    Raises:
        ValidationFailed: e-mail, number, debtor number or external id are taken; a reference does not exist.
    """
    violations = await check_master_data(ctx, command, customer_id=None)
    if await _login_taken(ctx, command.email):
        violations.append(Violation("email", "not_unique"))
    if violations:
        raise ValidationFailed(violations)
    customer = _customer(ctx, command)
    addresses = [_default_address(ctx, command, customer)]
    if command.invoice_address is not None:
        addresses.append(address_of(ctx, customer, command.invoice_address, type="TYPE_INVOICE"))
    emails = [email_of(ctx, customer, command.email, is_default=True)]
    if command.invoice_email and fold(command.invoice_email) != fold(command.email):
        emails.append(email_of(ctx, customer, command.invoice_email, is_invoice_email=True))
    elif command.invoice_email:
        emails[0].is_invoice_email = True
    # The range is locked last: other creations wait from here to the commit only.
    customer.number = await _number(ctx, command, customer)
    customer.number_folded = fold(customer.number)
    for row in (customer, *addresses, *emails):
        ctx.add(row)
    await terms.replace(
        ctx, "customer", customer.id, rules.search_fields(customer, [e.email for e in emails]), new=True
    )
    ctx.emit(CUSTOMER_CREATED, [customer.id])
    ctx.log("customer", customer.id, "created")
    return customer


async def _login_taken(ctx: Context, email: str) -> bool:
    taken = select(
        exists().where(
            CustomerEmail.tenant_id == ctx.tenant_id,
            CustomerEmail.email_folded == fold(email),
            CustomerEmail.is_default,
        )
    )
    return bool(await ctx.session.scalar(taken))


async def _number(ctx: Context, command: CreateCustomer, customer: Customer) -> str:
    if command.customer_number is None:
        return (await draw_numbers(ctx, "customer", [customer.id]))[0]
    if not await claim_number(ctx, "customer", command.customer_number, customer.id):
        raise ValidationFailed.at("customerNumber", "not_unique")
    return command.customer_number


def _customer(ctx: Context, command: CreateCustomer) -> Customer:
    country_language = "de" if command.country_code in ("DE", "AT", "CH") else "en"
    vat_id = rules.normalised_vat_id(command.vat_id)
    now = ctx.now()
    return Customer(
        id=new_id(),
        status="STATUS_ACTIVE",
        first_name=command.first_name,
        last_name=command.last_name,
        last_name_key=sort_key(command.last_name),
        company_name=command.company_name,
        company_name_key=sort_key(command.company_name),
        business=rules.is_business(command.company_name, vat_id),
        currency_code=command.currency_code or ctx.setting("localization.defaultCurrencyCode", "EUR"),
        country_code=command.country_code,
        time_zone=command.time_zone or ctx.setting("localization.timeZone", "Europe/Berlin"),
        language=command.language
        or (
            country_language
            if ctx.setting("localization.detectLanguageByCountry", True)
            else ctx.setting("localization.defaultLanguage", "de")
        ),
        vat_id=vat_id,
        vat_id_folded=fold(vat_id) if vat_id else None,
        vat_id_valid=None,
        tax_exempt=command.tax_exempt,
        business_proof=command.business_proof,
        datev_id=command.datev_id,
        commercial_register_name=command.commercial_register_name,
        commercial_register_number=command.commercial_register_number,
        gender=command.gender,
        phone=command.phone,
        external_id=command.external_id,
        is_partner=command.is_partner,
        partner_id=command.partner,
        parent_id=command.parent_customer_id,
        customer_group_id=command.customer_group,
        buyer_reference=command.buyer_reference,
        leitweg_id=command.leitweg_id,
        peppol_id=command.peppol_id,
        gln=command.gln,
        custom_fields=command.custom_fields,
        metadata_=command.metadata,
        created_at=now,
        updated_at=now,
    )


def _default_address(ctx: Context, command: CreateCustomer, customer: Customer) -> CustomerAddress:
    fields = AddressFields(
        companyName=command.company_name,
        firstName=command.first_name,
        lastName=command.last_name,
        street=command.street,
        houseNumber=command.house_number,
        zip=command.zip,
        city=command.city,
        addition=command.addition,
    )
    return address_of(ctx, customer, fields, type="TYPE_DEFAULT")


def address_of(ctx: Context, customer: Customer, fields: AddressFields, *, type: str | None = None) -> CustomerAddress:
    """A new address, default of its type. Country and VAT id come from the customer where they are left out."""
    now = ctx.now()
    return CustomerAddress(
        id=new_id(),
        customer_id=customer.id,
        type=type or fields.type,
        is_default=True,
        status="active",
        company_name=fields.company_name,
        salutation=fields.salutation,
        first_name=fields.first_name,
        last_name=fields.last_name,
        street=fields.street,
        house_number=fields.house_number,
        addition=fields.addition,
        zip=fields.zip,
        city=fields.city,
        state=fields.state,
        country_code=fields.country_code or customer.country_code,
        vat_id=rules.normalised_vat_id(fields.vat_id) or customer.vat_id,
        cost_centre=fields.cost_centre,
        created_at=now,
        updated_at=now,
    )


def email_of(
    ctx: Context,
    customer: Customer,
    email: str,
    *,
    receiver_name: str | None = None,
    is_default: bool = False,
    is_invoice_email: bool = False,
    is_dunning_email: bool = False,
) -> CustomerEmail:
    """A new e-mail address of a customer."""
    now = ctx.now()
    person = " ".join(part for part in (customer.first_name, customer.last_name) if part)
    return CustomerEmail(
        id=new_id(),
        customer_id=customer.id,
        email=email,
        email_folded=fold(email),
        receiver_name=receiver_name or person or customer.company_name,
        is_default=is_default,
        is_invoice_email=is_invoice_email,
        is_dunning_email=is_dunning_email,
        status="active",
        created_at=now,
        updated_at=now,
    )
