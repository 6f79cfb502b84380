"""A subscription in full."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from turnus.catalogue.views.locales import locales
from turnus.customers.model import Customer, CustomerAddress, CustomerEmail
from turnus.customers.views.addresses import AddressView, address_shape
from turnus.kernel.errors import NotFound
from turnus.kernel.time import local_date
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import Shape, convert, from_, read, read_scalar, shape, together
from turnus.platform.db.terms import fold
from turnus.subscriptions import rules
from turnus.subscriptions.model import BillingGroup, Subscription
from turnus.subscriptions.views.groups import GroupSummary, group_summary
from turnus.subscriptions.views.items import ItemView, by_subscriptions, day_instant, optional_day, optional_instant


class BuyerView(msgspec.Struct, frozen=True, rename="camel"):
    """The customer of a contract."""

    id: UUID
    customer_number: str
    time_zone: str
    first_name: str | None
    last_name: str | None
    currency_code: str
    company_name: str | None
    datev_id: str | None
    status: str


class PartnerView(msgspec.Struct, frozen=True, rename="camel"):
    """The partner who looks after the customer."""

    id: UUID
    name: str
    number: str
    email: str | None


class ReasonView(msgspec.Struct, frozen=True, rename="camel"):
    """Why a contract was cancelled."""

    code: str
    name: str


class ContractDetails(msgspec.Struct, frozen=True, rename="camel"):
    """Terms of a contract; ends are exclusive instants, `latestNoticeDate` is the last day for notice."""

    contract_start: str
    billing_start: str
    contract_end: str | None
    time_zone: str
    current_term_start: str | None
    current_term_end: str | None
    term_number: int | None
    latest_notice_date: str | None


class SubscriptionView(msgspec.Struct, frozen=True, rename="camel"):
    """A contract of one customer with its items."""

    id: UUID
    number: str
    external_id: str | None
    name: str | None
    status: str
    customer: BuyerView
    partner: PartnerView | None
    plan: None
    items: list[ItemView]
    payment_method: None
    default_payment_method: bool
    invoice_address: AddressView | None
    default_invoice_address: bool
    delivery_address: None
    billing_group: GroupSummary | None
    po_number: str | None
    contract_details: ContractDetails
    trial_ends_on: str | None
    activated_at: str | None
    cancelled_at: str | None
    cancellation_date: str | None
    cancellation_reason: ReasonView | None
    is_cancellation_pending: bool
    last_billing_at: str | None
    next_billing_date: str | None
    periods: list[Any]
    paused_at: None
    coupons: list[Any]
    parked_at: str | None
    parked_reason: str | None
    custom_fields: dict[str, Any]
    created_at: str
    updated_at: str


class _Row(msgspec.Struct):
    """A subscription without its items."""

    base: dict[str, Any]
    customer: BuyerView
    partner: PartnerView | None
    address: AddressView | None
    group: GroupSummary | None


_s = aliased(Subscription, name="s")
_c = aliased(Customer, name="c")
_pa = aliased(Customer, name="pa")
_pe = aliased(CustomerEmail, name="pe")
_a = aliased(CustomerAddress, name="a")
_g = aliased(BillingGroup, name="g")
_COLUMNS = (
    "id", "number", "external_id", "name", "status", "invoice_address_id", "po_number", "contract_start",
    "billing_start", "contract_end", "time_zone", "trial_ends_on", "activated_at", "cancelled_at", "cancellation_date",
    "cancellation_reason", "last_billing_at", "next_billing_at", "periods", "parked_at", "parked_reason",
    "custom_fields", "created_at", "updated_at",
)  # fmt: skip


def buyer_shape(c: Any) -> Shape[BuyerView]:
    """The customer of a contract, joined."""
    return shape(
        BuyerView,
        id=c.id,
        customer_number=c.number,
        time_zone=c.time_zone,
        first_name=c.first_name,
        last_name=c.last_name,
        currency_code=c.currency_code,
        company_name=c.company_name,
        datev_id=c.datev_id,
        status=c.status,
    )


def partner_shape(p: Any, e: Any) -> Shape[PartnerView]:
    """The partner of the customer, outer joined with the login e-mail address."""
    return shape(
        PartnerView,
        present=p.id,
        id=p.id,
        name=convert(_partner_name, p.company_name, p.first_name, p.last_name, e.email),
        number=p.number,
        email=e.email,
    )


def _partner_name(company: str | None, first: str | None, last: str | None, email: str | None) -> str:
    return company or " ".join(part for part in (first, last) if part) or email or ""


def joined(statement: Any, s: Any, c: Any, pa: Any, pe: Any) -> Any:
    """A statement on subscriptions with customer, partner and the partner's login."""
    return (
        statement.join(c, (c.tenant_id == s.tenant_id) & (c.id == s.customer_id))
        .outerjoin(pa, (pa.tenant_id == c.tenant_id) & (pa.id == c.partner_id))
        .outerjoin(pe, (pe.tenant_id == pa.tenant_id) & (pe.customer_id == pa.id) & pe.is_default)
    )


_address: Any = address_shape(_a)
# None when the contract has no address of its own.
_address.present = _a.id
_detail = read(
    joined(from_(_s), _s, _c, _pa, _pe)
    .outerjoin(_a, (_a.tenant_id == _s.tenant_id) & (_a.id == _s.invoice_address_id))
    .outerjoin(_g, (_g.tenant_id == _s.tenant_id) & (_g.id == _s.billing_group_id))
    .where(_s.id == func.any(bindparam("ids", type_=ARRAY(Uuid)))),
    shape(
        _Row,
        base=convert(lambda *values: dict(zip(_COLUMNS, values, strict=True)), *(getattr(_s, n) for n in _COLUMNS)),
        customer=buyer_shape(_c),
        partner=partner_shape(_pa, _pe),
        address=_address,
        group=group_summary(_g),
    ),
)
_by_number = read_scalar(select(_s.id).where(_s.number_folded == bindparam("number", type_=Text)))


async def subscriptions(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, SubscriptionView]:
    """Subscriptions in full, by id: two statements in one round trip, however many they are."""
    wanted = {"ids": list(ids)}
    rows, items = await together(ctx, (_detail, wanted), (by_subscriptions, {**wanted, **locales(ctx)}))
    owned: dict[UUID, list[ItemView]] = {}
    for item in items:
        owned.setdefault(item.subscription.id, []).append(item)
    now = ctx.now()
    return {row.base["id"]: _view(row, owned.get(row.base["id"], []), now) for row in rows}


async def subscription(ctx: Context, id: UUID) -> SubscriptionView:
    """A subscription in full; raises NotFound."""
    found = await subscriptions(ctx, [id])
    if id not in found:
        raise NotFound()
    return found[id]


async def resolve(ctx: Context, key: str) -> UUID:
    """The id of a subscription given by id (any spelling) or number; raises NotFound."""
    try:
        return UUID(key)
    except ValueError:
        return cast(UUID, await _by_number.one(ctx, number=fold(key)))


def is_pending(status: str, cancellation_date: date | None) -> bool:
    """Whether a contract will end by a cancellation and has not yet."""
    return cancellation_date is not None and status in ("active", "paused")


def _details(b: dict[str, Any], today: date) -> ContractDetails:
    zone = b["time_zone"]
    term = rules.term_on(b["periods"], b["contract_start"], today)
    number, start, end, notice = term or (None, None, None, None)
    return ContractDetails(
        contract_start=day_instant(b["contract_start"], zone),
        billing_start=day_instant(b["billing_start"], zone),
        contract_end=optional_day(b["contract_end"], zone),
        time_zone=zone,
        current_term_start=optional_day(start, zone),
        current_term_end=optional_day(end, zone),
        term_number=number,
        latest_notice_date=None if notice is None else notice.isoformat(),
    )


def _view(row: _Row, items: list[ItemView], now: datetime) -> SubscriptionView:
    b = row.base
    zone = b["time_zone"]
    reason = b["cancellation_reason"]
    return SubscriptionView(
        id=b["id"],
        number=b["number"],
        external_id=b["external_id"],
        name=b["name"],
        status=b["status"],
        customer=row.customer,
        partner=row.partner,
        plan=None,
        items=items,
        payment_method=None,
        default_payment_method=True,
        invoice_address=row.address,
        default_invoice_address=b["invoice_address_id"] is None,
        delivery_address=None,
        billing_group=row.group,
        po_number=b["po_number"],
        contract_details=_details(b, local_date(now, zone)),
        trial_ends_on=optional_day(b["trial_ends_on"], zone),
        activated_at=optional_instant(b["activated_at"]),
        cancelled_at=optional_instant(b["cancelled_at"]),
        cancellation_date=optional_day(b["cancellation_date"], zone),
        cancellation_reason=None if reason is None else ReasonView(reason, reason),
        is_cancellation_pending=is_pending(b["status"], b["cancellation_date"]),
        last_billing_at=optional_instant(b["last_billing_at"]),
        next_billing_date=optional_instant(b["next_billing_at"]),
        periods=b["periods"],
        paused_at=None,
        coupons=[],
        parked_at=optional_instant(b["parked_at"]),
        parked_reason=b["parked_reason"],
        custom_fields=b["custom_fields"],
        created_at=instant(b["created_at"]),
        updated_at=instant(b["updated_at"]),
    )
