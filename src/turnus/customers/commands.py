"""Request bodies of the customers area."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from turnus.documents.einvoice.leitweg import is_leitweg_id
from turnus.platform.commands import (
    Command,
    Country,
    Currency,
    Email,
    Flag,
    Id,
    Language,
    Name,
    OptionalName,
    Text,
    TimeZone,
    refuse,
)

AddressType = Literal["TYPE_DEFAULT", "TYPE_INVOICE"]
Gender = Literal["male", "female", "diverse"]
Salutation = Literal["Firma", "Herr", "Frau"]


def _none_to_empty(value: Any) -> Any:
    return "" if value is None else value


def _blank_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _none_to_map(value: Any) -> Any:
    return {} if value is None else value


def _none_to_auto(value: Any) -> Any:
    return "auto" if value is None else value


def _not_one_letter(value: str | None) -> str | None:
    if value is not None and len(value) == 1:
        raise refuse("too_short", minimum=2)
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise refuse("not_blank")
    return value


def _leitweg_id(value: str | None) -> str | None:
    if value is not None and not is_leitweg_id(value):
        raise refuse("invalid_format", form="04011000-1234512345-06 (Leitweg-ID)")
    return value


Word = Annotated[OptionalName, AfterValidator(_not_one_letter)]
"""A text of 2 to 255 characters; a blank one counts as absent."""
PostalPart = Annotated[Text, Field(max_length=255), BeforeValidator(_none_to_empty)]
"""A part of a postal address: at most 255 characters, may be empty."""
PostalWord = Annotated[PostalPart, AfterValidator(_not_one_letter)]
"""A part of a postal address: empty, or 2 to 255 characters."""
LeitwegId = Annotated[OptionalName, AfterValidator(_leitweg_id)]


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) > 50:
        raise refuse("too_long", maximum=50)
    for key, inner in value.items():
        if not 0 < len(key) <= 40 or not all((c.isalnum() and c.isascii()) or c in "_.-" for c in key):
            raise refuse("invalid_format", form="[A-Za-z0-9_.-]{1,40}")
        if inner is not None and not isinstance(inner, str):
            raise refuse("invalid_type", expected="string")
        if inner is not None and len(inner) > 500:
            raise refuse("too_long", maximum=500)
        if inner is not None and "\x00" in inner:
            raise refuse("invalid_characters")
    return value


Metadata = Annotated[dict[str, Any], AfterValidator(_metadata), BeforeValidator(_none_to_map)]
"""The caller's own data: at most 50 keys `[A-Za-z0-9_.-]{1,40}`, values at most 500 characters, null for no value."""
CustomFields = Annotated[dict[str, Any], BeforeValidator(_none_to_map)]
"""Values of custom fields by key, null for no value; checked against their definitions."""


class AddressFields(Command):
    """A postal address. Country and VAT id default to the customer's."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | {"default", "status", "formatted"}

    type: AddressType = "TYPE_DEFAULT"
    company_name: OptionalName = None
    salutation: Salutation | None = None
    first_name: OptionalName = None
    last_name: OptionalName = None
    street: PostalWord = ""
    house_number: PostalPart = ""
    addition: OptionalName = None
    zip: PostalPart = ""
    city: PostalWord = ""
    state: OptionalName = None
    country_code: Country | None = None
    vat_id: Word = None
    cost_centre: Word = None


class MasterData(Command):
    """What customers have in common on creation and change."""

    first_name: Word = None
    last_name: Word = None
    company_name: Word = None
    gender: Gender | None = None
    phone: Word = None
    vat_id: Word = None
    tax_exempt: Annotated[Literal["auto", "exempt"], BeforeValidator(_none_to_auto)] = "auto"
    business_proof: OptionalName = None
    datev_id: Word = None
    commercial_register_name: OptionalName = None
    commercial_register_number: OptionalName = None
    customer_number: Word = None
    currency_code: Currency | None = None
    customer_group: Id | None = None
    contact_person: Id | None = None
    custom_fields: CustomFields = {}
    metadata: Metadata = {}
    external_id: OptionalName = None
    buyer_reference: OptionalName = None
    leitweg_id: LeitwegId = None
    peppol_id: OptionalName = None
    gln: OptionalName = None


class CreateCustomer(MasterData):
    """A new customer. Only the e-mail address, which becomes the login, is required."""

    email: Email
    country_code: Country | None = None
    time_zone: TimeZone | None = None
    language: Language | None = None
    invoice_email: Annotated[Email | None, BeforeValidator(_blank_to_none)] = None
    street: PostalWord = ""
    house_number: PostalPart = ""
    zip: PostalWord = ""
    city: PostalWord = ""
    addition: Word = None
    invoice_address: AddressFields | None = None
    partner: Id | None = None
    parent_customer_id: Id | None = None
    is_partner: Flag = False


class ReplaceCustomer(MasterData):
    """New master data; what is left out becomes empty, except number, debtor number and currency."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | {
        "isVatIdValid",
        "status",
        "totalTurnOverRank",
        "archivedAt",
        "businessCustomer",
        "isPartner",
        "partner",
        "parent",
        "emailAddresses",
        "addresses",
        "defaultAddress",
        "defaultInvoiceAddress",
        "defaultEmailAddress",
        "defaultInvoiceEmailAddress",
        "defaultPaymentMethod",
        "name",
    }

    country_code: Country
    time_zone: TimeZone
    language: Language

    @model_validator(mode="before")
    @classmethod
    def _embedded_ids(cls, value: Any) -> Any:
        """A sent-back representation embeds objects where the body takes their ids."""
        if not isinstance(value, dict):
            return value
        embedded = {
            key: value[key]["id"]
            for key in ("customerGroup", "contactPerson")
            if isinstance(value.get(key), dict) and "id" in value[key]
        }
        return {**value, **embedded}


class PatchCustomer(ReplaceCustomer):
    """Changes of master data (RFC 7396): only what is sent changes, null empties.

    `customFields` and `metadata` are merged by key; an empty `metadata` removes all keys (00 §9.8).
    """

    country_code: Country = "DE"
    time_zone: TimeZone = "Europe/Berlin"
    language: Language = "de"

    @model_validator(mode="before")
    @classmethod
    def _nothing_to_merge(cls, value: Any) -> Any:
        """An empty patch of custom fields changes none of them, while null (read as empty) removes all."""
        if isinstance(value, dict) and value.get("customFields") == {}:
            return {key: inner for key, inner in value.items() if key != "customFields"}
        return value


class EmailFields(Command):
    """An e-mail address of a customer."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | {"default", "status", "verifiedAt"}

    email: Email
    receiver_name: OptionalName = None
    is_invoice_email: Flag = False
    is_dunning_email: Flag = False
    is_default: Flag = False
    type: Literal["TYPE_COMPANY", "TYPE_INVOICE"] | None = None


class GroupFields(Command):
    """A customer group."""

    name: Annotated[Name, AfterValidator(_not_blank)]
    description: Annotated[Text, Field(max_length=10_000)] | None = None
