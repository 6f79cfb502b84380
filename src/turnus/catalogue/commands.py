"""Request bodies of the catalogue."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from turnus.kernel.money import exponent
from turnus.platform.commands import (
    Amount,
    Command,
    Count,
    Currency,
    Flag,
    Id,
    IntervalText,
    OptionalName,
    Text,
    refuse,
)

_LOCALE = re.compile(r"[a-z]{2}(-[A-Z]{2})?")
_PLAIN_CODE = re.compile(r"\S(.*\S)?")
MAX_TIERS = 100
CalculationType = Literal["flat_fee", "per_unit", "tiered", "volume", "stair_step", "percentage", "package"]
Aggregation = Literal["count", "count_unique", "sum", "max", "min", "last_value", "average", "weighted_average"]
SalesChannel = Literal["checkout", "customer_portal", "sales", "api", "partner"]


def _locales(value: dict[str, Any]) -> dict[str, Any]:
    if not value:
        raise refuse("not_blank")
    if len(value) > 50:
        raise refuse("too_long", maximum=50)
    for key in value:
        if not _LOCALE.fullmatch(key):
            raise refuse("invalid_format", form="de, en, de-AT …")
    return value


def _code(value: str) -> str:
    if not _PLAIN_CODE.fullmatch(value):
        raise refuse("not_blank")
    return value


def _blank_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise refuse("out_of_range", bounds="≥ 0")
    return value


def _major(value: Any) -> Any:
    """A money object is read as it is answered: exact `decimal`, else `amount` in minor units."""
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("decimal"), str):
        return value["decimal"]
    amount, currency = value.get("amount"), value.get("currencyCode")
    if isinstance(amount, int) and not isinstance(amount, bool) and isinstance(currency, str) and abs(amount) < 10**18:
        return Decimal(amount).scaleb(-exponent(currency))
    return value


def _agree(amount: Any, exact: Any) -> bool:
    """Whether a number in minor units and a decimal in major units, or two equal ones, may be the same amount."""
    if amount is None or exact is None:
        return True
    try:
        minor, major = Decimal(str(amount)[:60]), Decimal(str(exact)[:60])
        return any(minor == major.scaleb(digits) for digits in range(5))
    except ArithmeticError:
        return False


def _embedded(value: Any, *names: str) -> Any:
    """A sent-back representation embeds objects where the body takes their ids."""
    if not isinstance(value, dict):
        return value
    ids = {key: value[key]["id"] for key in names if isinstance(value.get(key), dict) and "id" in value[key]}
    return {**value, **ids}


NonBlank = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_code)]
LongText = Annotated[Annotated[Text, Field(max_length=5000)] | None, BeforeValidator(_blank_to_none)]
UnitPrice = Annotated[Amount, AfterValidator(_not_negative)]
"""An amount in major units, 0 or more, with up to 12 decimals."""
Sum = Annotated[Amount, BeforeValidator(_major), AfterValidator(_not_negative)]
"""Money: a decimal in major units, or a money object as it is answered."""


class NameText(Command):
    """A name in one language."""

    name: Annotated[Text, Field(min_length=1, max_length=255), AfterValidator(_code)]


class ProductText(NameText):
    """Name and description in one language."""

    description: LongText = None


class UnitFields(Command):
    """A unit of measure. `code` is UN/ECE Recommendation 20, `C62` (piece) when left out."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | {"name"}

    translations: Annotated[dict[str, NameText], AfterValidator(_locales)]
    code: Annotated[str, Field(pattern="^[A-Z0-9]{1,3}$")] = "C62"


class CreateMeasurement(Command):
    """What is counted. `type` defaults to what the aggregation allows, `recurring` before `metered`."""

    unit: Id
    code: NonBlank
    aggregation_type: Annotated[Aggregation, BeforeValidator(lambda value: "average" if value == "avg" else value)]
    type: Literal["recurring", "metered"] | None = None
    name: OptionalName = None
    description: OptionalName = None
    fair_billing: Flag = True
    rounding_mode: Literal["none", "up", "down", "half_up"] = "none"
    rounding_precision: Annotated[Count, Field(ge=0, le=12)] = 0


class ChangeMeasurement(Command):
    """Code and description; everything else of a measurement is fixed."""

    code: NonBlank
    description: OptionalName = None


class ProductFields(Command):
    """A product."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | frozenset(
        ["name", "description", "pricePlans", "isArchived", "features", "entitlements"]
    )

    translations: Annotated[dict[str, ProductText], AfterValidator(_locales)]
    type: Literal["product", "charge", "plan"] = "product"
    measurement: Id | None = None
    tax_group: Id
    internal_name: OptionalName = None
    number: OptionalName = None
    product_families: list[Id] = Field(default=[], max_length=100)
    cost_centre: Id | None = None
    invoice_visibility: Literal["always", "only_if_charged"] = "always"
    revenue_account: Annotated[str | None, Field(pattern="^[0-9]{1,12}$"), BeforeValidator(_blank_to_none)] = None
    custom_fields: dict[str, Any] = {}
    external_id: OptionalName = None

    @model_validator(mode="before")
    @classmethod
    def _embedded_ids(cls, value: Any) -> Any:
        value = _embedded(value, "measurement", "taxGroup", "costCentre")
        if isinstance(value, dict) and isinstance(value.get("productFamilies"), list):
            families = [f["id"] if isinstance(f, dict) and "id" in f else f for f in value["productFamilies"]]
            value = {**value, "productFamilies": families}
        return value


class Priced(Command):
    """Amounts in major units. A sent-back representation holds exact decimals beside the minor units: they count."""

    EXACT: ClassVar[dict[str, str]] = {}
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _exact(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for key, exact in cls.EXACT.items():
            if not _agree(value.get(key), value.get(exact)):
                raise refuse("conflicting", other=f"{key}, {exact}")
        made = {key: inner for key, inner in value.items() if key not in cls.EXACT.values()}
        made |= {key: value[exact] for key, exact in cls.EXACT.items() if value.get(exact) is not None}
        return {key: inner for key, inner in made.items() if key not in ("createdAt", "updatedAt", "currencyCode")}


class TierFields(Priced):
    """One step of a price: covers quantities up to and including `upTo`, the last one (null) all others."""

    EXACT: ClassVar[dict[str, str]] = {"unitAmount": "unitDecimal", "flatAmount": "flatDecimal"}

    up_to: Annotated[Amount, Field(gt=0)] | None = Field(default=None, alias="upTo")
    unit_amount: UnitPrice | None = Field(default=None, alias="unitAmount")
    flat_amount: UnitPrice | None = Field(default=None, alias="flatAmount")


class PriceFields(Priced):
    """The amounts of a price; which of them count is decided by the calculation type."""

    EXACT: ClassVar[dict[str, str]] = {
        "amount": "decimal",
        "fixedPerEvent": "fixedPerEventDecimal",
        "min": "minDecimal",
        "max": "maxDecimal",
    }

    amount: UnitPrice | None = None
    tiers: list[TierFields] | None = Field(default=None, max_length=MAX_TIERS)
    percent: Annotated[UnitPrice, Field(le=100)] | None = None
    fixed_per_event: UnitPrice | None = Field(default=None, alias="fixedPerEvent")
    min: UnitPrice | None = None
    max: UnitPrice | None = None
    package_size: Annotated[Amount, Field(gt=0)] | None = Field(default=None, alias="packageSize")
    round_up: Flag | None = Field(default=None, alias="roundUp")


class PricePlanFields(Command):
    """A price of a product."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | frozenset(
        ["version", "previousVersion", "inUse", "checkoutLinkIds", "archivedAt"]
    )

    product: Id
    internal_name: OptionalName = None
    status: Literal["draft", "active", "archived"] | None = None
    sales_channel: SalesChannel | None = None
    type: Literal["recurring", "one_time"] = "recurring"
    calculation_type: CalculationType = "flat_fee"
    apply_trial: Flag = True
    trial_period: IntervalText | None = None
    pay_in_advance: Flag = True
    pro_rata: Flag = True
    free_units: UnitPrice | None = None
    billing_interval: IntervalText | None = None
    show_price_per_interval: IntervalText | None = None
    currency_code: Currency | None = None
    price: PriceFields
    minimum_amount: Sum | None = None
    maximum_amount: Sum | None = None
    tax_included: Flag | None = None
    custom: Flag | None = None
    customer: Id | None = None

    @model_validator(mode="before")
    @classmethod
    def _embedded_ids(cls, value: Any) -> Any:
        return _embedded(value, "product", "customer")
