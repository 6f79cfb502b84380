"""Request bodies of the subscriptions area."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, model_validator

from turnus.catalogue.commands import LongText, PriceFields
from turnus.kernel.errors import Violation
from turnus.kernel.time import Interval
from turnus.platform.commands import (
    Amount,
    Command,
    Count,
    Flag,
    Id,
    IntervalText,
    Name,
    OptionalName,
    Text,
    parse_instant,
    refuse,
)

MAX_ITEMS = 1000
MAX_TRIAL_DAYS = 3650
MAX_YEARS = 100


def _embedded(value: Any, *names: str) -> Any:
    """A sent-back representation embeds objects where the body takes their ids."""
    if not isinstance(value, dict):
        return value
    ids = {key: value[key]["id"] for key in names if isinstance(value.get(key), dict) and "id" in value[key]}
    return {**value, **ids}


def _notice(value: Any) -> Any:
    return None if value in ("0D", "P0D") else value


def _custom_price(value: Any) -> Any:
    """A bare amount is the short form of `{"amount": …}`."""
    bare = isinstance(value, str | int | Decimal) and not isinstance(value, bool)
    return {"amount": value} if bare else value


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        raise refuse("invalid_type", expected="string")
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            day = date.fromisoformat(value)
            if not 1900 <= day.year <= 2200:
                raise ValueError
            return day
        return parse_instant(value)
    except (ValueError, OverflowError):
        raise refuse("invalid_date") from None


Moment = Annotated[
    InstanceOf[date],
    BeforeValidator(_moment, json_schema_input_type=Annotated[str, Field(json_schema_extra={"format": "date-time"})]),
]
"""A calendar day (`2026-03-01`), or an instant, which counts as the local day of the contract it lies in."""
Quantity = Annotated[Amount, Field(ge=0)]


class PeriodFields(Command):
    """Contract terms: `contractPeriodCount` terms of length `contractPeriod` with a notice of `cancellationPeriod`.

    The last entry may have no count (all further terms) and no length (indefinite). An `id` is read-only.
    """

    id: OptionalName = None
    contract_period_count: Annotated[Count, Field(ge=1, le=999)] | None = None
    contract_period: IntervalText | None = None
    cancellation_period: Annotated[IntervalText | None, BeforeValidator(_notice)] = None
    end_alignment: Literal["term_end", "billing_period_end", "month_end", "any_day"] = "term_end"


def _terms(value: list[PeriodFields]) -> list[PeriodFields]:
    months = 0
    for index, period in enumerate(value):
        last = index == len(value) - 1
        if not last and (period.contract_period_count is None or period.contract_period is None):
            raise refuse("required_with", other=f"periods[{index + 1}]")
        months += (period.contract_period_count or 1) * _months(period.contract_period)
        if months > MAX_YEARS * 12 or _months(period.cancellation_period) > 10 * 12:
            raise refuse("out_of_range", bounds=f"≤ {MAX_YEARS}Y, ≤ 10Y")
    return value


def _months(interval: Interval | None) -> int:
    return 0 if interval is None else interval.months or (interval.days or 0) // 28


Periods = Annotated[list[PeriodFields], Field(max_length=20), AfterValidator(_terms)]


class ItemFields(Command):
    """A line of a new subscription: a price, or a product with just one price that fits."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | {"status", "billing", "measurementValues"}

    product: Id | None = None
    price_plan: Id | None = None
    quantity: Quantity = Decimal(1)
    name: OptionalName = None
    description: LongText = None
    further_information: LongText = None
    contract_start: Moment | None = None
    billing_start: Moment | None = None
    contract_end: Moment | None = None
    periods: Periods = []
    custom_price: Annotated[PriceFields, BeforeValidator(_custom_price)] | None = None
    parent: Annotated[Count, Field(ge=0)] | None = None
    coupons: list[Any] = []

    @model_validator(mode="before")
    @classmethod
    def _embedded_ids(cls, value: Any) -> Any:
        return _embedded(value, "product", "pricePlan")


class CreateSubscription(Command):
    """A new subscription, a draft unless `activate` is true.

    `parent` of an item is the index of an earlier item in the same body.
    """

    customer: Id
    items: Annotated[list[ItemFields], Field(max_length=MAX_ITEMS)] = []
    plan: Id | None = None
    start_date: Moment | None = None
    billing_start: Moment | None = None
    contract_end: Moment | None = None
    periods: Periods = []
    billing_group: Id | None = None
    po_number: OptionalName = None
    name: OptionalName = None
    number: OptionalName = None
    external_id: OptionalName = None
    payment_method: Id | None = None
    invoice_address: Id | None = None
    trial_days: Annotated[Count, Field(ge=0, le=MAX_TRIAL_DAYS)] | None = None
    coupons: list[Any] = []
    custom_fields: dict[str, Any] = {}
    activate: Flag = False


class ReplaceSubscription(Command):
    """What of a subscription can be replaced. `number` null keeps the number it has."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | frozenset(
        [
            "status", "customer", "partner", "plan", "items", "paymentMethod", "defaultPaymentMethod",
            "invoiceAddress", "defaultInvoiceAddress", "deliveryAddress", "contractDetails", "trialEndsOn",
            "activatedAt", "cancelledAt", "cancellationDate", "cancellationReason", "isCancellationPending",
            "lastBillingAt", "nextBillingDate", "pausedAt", "coupons", "parkedAt", "parkedReason",
        ]
    )  # fmt: skip

    periods: Periods
    billing_group: Id | None = None
    start_date: Moment | None = None
    po_number: OptionalName = None
    name: OptionalName = None
    number: OptionalName = None
    external_id: OptionalName = None
    custom_fields: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _embedded_ids(cls, value: Any) -> Any:
        return _embedded(value, "billingGroup")


class ActivateSubscription(Command):
    """Activate the draft's items, or some of them; `trialDays` overrides the draft's trial."""

    trial_days: Annotated[Count, Field(ge=0, le=MAX_TRIAL_DAYS)] | None = None
    items: Annotated[list[Id], Field(min_length=1, max_length=MAX_ITEMS)] | None = None


class CancelSubscription(Command):
    """When and how a subscription shall end."""

    cancellation_date_type: Literal["immediate", "next_possible", "custom"]
    cancellation_date: Moment | None = None
    send_confirmation_email: Flag = True
    reason: OptionalName = None
    comment: Annotated[Text, Field(max_length=5000)] | None = None
    credit_type: Literal["pro_rata", "full", "none"] | None = None


class ItemChanges(Command):
    """Texts and terms of an item; only what is sent changes."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | frozenset(
        [
            "subscription", "parent", "plan", "product", "pricePlan", "status", "type", "billing",
            "measurementValues", "quantity", "activatedAt", "startDate", "endDate", "phase", "customPrice", "coupons",
            "productGroup", "pendingChange", "trialEndsOn",
        ]
    )  # fmt: skip

    name: OptionalName = None
    description: LongText = None
    further_information: LongText = None
    periods: Periods = []


class GroupFields(Command):
    """A billing group; `customDay` and `customMonth` belong to the type `custom`."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | {"subscriptions"}

    name: Name
    type: Literal["start_of_month", "end_of_month", "start_of_year", "end_of_year", "custom"]
    custom_day: Annotated[Count, Field(ge=1, le=31)] | None = None
    custom_month: Annotated[Count, Field(ge=1, le=12)] | None = None

    def violations(self) -> list[Violation]:
        """Days and months that do not go with the type."""
        if self.type == "custom":
            missing = self.custom_day is None
            return [Violation("customDay", "required_with", parameters={"other": "type"})] if missing else []
        return [
            Violation(path, "conflicting", parameters={"other": "type"})
            for path, value in (("customDay", self.custom_day), ("customMonth", self.custom_month))
            if value is not None
        ]


class CreateGroup(GroupFields):
    """A new billing group of a customer."""

    customer: Id

    @model_validator(mode="before")
    @classmethod
    def _embedded_ids(cls, value: Any) -> Any:
        return _embedded(value, "customer")


class ReplaceGroup(GroupFields):
    """A billing group; its customer stays."""

    READ_ONLY: ClassVar[frozenset[str]] = GroupFields.READ_ONLY | {"customer"}
