"""What a document prints: the frozen snapshot of an invoice, credit note, cancellation or correction.

The snapshot is complete (nothing is looked up while rendering), immutable, and survives `msgspec.json` unchanged.
Amounts are whole minor units of `InvoiceDocument.currency`; quantities, unit prices and percentages are `Decimal`.
Signs are those of the printed document: on a credit note (EN 16931 code 381) what is credited stands positive, because
the kind of the document carries the sign. Dates are inclusive: `service_to` is the last day of the service period.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

import msgspec

Language = Literal["de", "en"]
TaxCategory = Literal["S", "Z", "E", "AE", "K", "G", "O"]
"""VAT category codes of EN 16931 (UNTDID 5305): taxed, zero rate, exempt, reverse charge, intra-EU, export, no tax."""

PaymentMeans = Literal["transfer", "sepa_debit", "card", "online", "standing_agreement", "settlement", "none"]


class DocumentKind(StrEnum):
    """Kind of a billing document; the values are those of the API's `Invoice.type`."""

    INVOICE = "TYPE_INVOICE"
    CREDIT_NOTE = "TYPE_CREDIT_NOTE"
    CANCELLATION = "TYPE_CANCELLATION"
    CORRECTION = "TYPE_CORRECTION"
    PARTIAL = "TYPE_PARTIAL"
    SELF_BILLED = "TYPE_SELF_BILLED"
    PROFORMA = "TYPE_PROFORMA"


class _Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all parts: immutable, by keyword. Only emptiness is a default, so it may be left out of the JSON."""


class Address(_Part, frozen=True, kw_only=True):
    """A postal address; `street` carries the house number, `country` is ISO 3166-1 alpha-2."""

    street: str = ""
    addition: str = ""
    postcode: str = ""
    city: str = ""
    country: str


class ElectronicAddress(_Part, frozen=True, kw_only=True):
    """Where an e-invoice is sent (BT-34, BT-49): scheme of the EAS list (`EM` mail, `0204` Leitweg-ID, `9930` VAT id)."""

    value: str
    scheme: str


class BankAccount(_Part, frozen=True, kw_only=True):
    """An account money is to be sent to."""

    holder: str
    iban: str
    bic: str = ""
    bank_name: str = ""


class Seller(_Part, frozen=True, kw_only=True):
    """Who issues the document, with what § 14 (4) UStG and § 35a GmbHG want on it."""

    name: str
    address: Address
    tax_number: str = ""
    vat_id: str = ""
    ex_number: str = ""
    register_court: str = ""
    register_number: str = ""
    managing_directors: tuple[str, ...] = ()
    contact_name: str = ""
    phone: str = ""
    email: str = ""
    website: str = ""
    bank_account: BankAccount | None = None
    creditor_id: str = ""
    seller_id: str = ""
    electronic_address: ElectronicAddress | None = None


class Buyer(_Part, frozen=True, kw_only=True):
    """Who owes. `name` is the company or person (BT-44); `name_lines` are printed below it (person, department)."""

    name: str
    address: Address
    customer_number: str = ""
    name_lines: tuple[str, ...] = ()
    vat_id: str = ""
    legal_id: str = ""
    buyer_reference: str = ""
    leitweg_id: str = ""
    cost_reference: str = ""
    contact_name: str = ""
    phone: str = ""
    email: str = ""
    electronic_address: ElectronicAddress | None = None
    is_public: bool = False


class Discount(_Part, frozen=True, kw_only=True):
    """A reduction of a position: `amount_minor` is positive for positive lines, negative for negative ones.

    `percent` is printed beside the name; `base_minor` is what it was taken from (the rest after earlier discounts).
    """

    name: str
    amount_minor: int
    percent: Decimal | None = None
    base_minor: int | None = None


class DocumentAllowance(_Part, frozen=True, kw_only=True):
    """A reduction of the whole document in one tax bucket (EN 16931 BG-20); `amount_minor` is positive."""

    name: str
    amount_minor: int
    tax_category: TaxCategory
    tax_rate: Decimal | None = None
    percent: Decimal | None = None
    base_minor: int | None = None


class Position(_Part, frozen=True, kw_only=True):
    """One line. `base_minor` = quantity × unit price as rated, `net_minor` = base − discounts.

    `unit_code` is UN/ECE Rec 20 (`C62` piece, `MON` month, `HUR` hour). `parent` is the number of the parent line.
    `carries_amount` is false for a parent whose children hold the amounts: it is printed as a headline and is no line of
    the e-invoice (EN 16931 has no tree). `tax_rate` is None in category O, which has no rate (BR-O-05).
    """

    number: str
    name: str
    quantity: Decimal
    unit_price: Decimal
    base_minor: int
    net_minor: int
    unit_name: str = ""
    unit_code: str
    description: str = ""
    product_number: str = ""
    discounts: tuple[Discount, ...] = ()
    tax_category: TaxCategory
    tax_rate: Decimal | None = None
    service_from: date | None = None
    service_to: date | None = None
    group: str = ""
    parent: str = ""
    carries_amount: bool = True
    trace: tuple[str, ...] = ()
    price_interval: str = ""
    cost_centre: str = ""
    object_id: str = ""


class TaxBucket(_Part, frozen=True, kw_only=True):
    """Sum of all lines of one category and rate, and its tax (BG-23)."""

    category: TaxCategory
    taxable_minor: int
    tax_minor: int
    rate: Decimal | None = None
    exemption_reason: str = ""
    exemption_code: str = ""


class Totals(_Part, frozen=True, kw_only=True):
    """Sums of the document; gross = net + tax, payable = gross − paid + rounding (BT-106 to BT-115)."""

    net_minor: int
    tax_minor: int
    gross_minor: int
    payable_minor: int
    paid_minor: int = 0
    rounding_minor: int = 0


class AccountingTax(_Part, frozen=True, kw_only=True):
    """Tax in the seller's accounting currency when the document is in another one (BT-6, BT-111; § 16 (6) UStG).

    `rate` is units of the document's currency per unit of `currency` (the ECB's notation), on `rate_date`.
    """

    currency: str
    tax_minor: int
    rate: Decimal | None = None
    rate_date: date | None = None


class Skonto(_Part, frozen=True, kw_only=True):
    """Cash discount: `percent` off when paid within `days` (by `until`). `base_minor` only if it is not the amount due."""

    days: int
    percent: Decimal
    until: date | None = None
    discount_minor: int | None = None
    base_minor: int | None = None


class Payment(_Part, frozen=True, kw_only=True):
    """How the document is to be settled (BG-16 to BG-19). `terms` is free text, printed and sent as BT-20."""

    means: PaymentMeans
    label: str = ""
    terms: str = ""
    due_days: int | None = None
    skonto: tuple[Skonto, ...] = ()
    remittance: str = ""
    mandate_reference: str = ""
    debtor_iban: str = ""
    debit_date: date | None = None
    card_last_digits: str = ""


class Preceding(_Part, frozen=True, kw_only=True):
    """The document this one refers to (BG-3)."""

    number: str
    issue_date: date | None = None


class Delivery(_Part, frozen=True, kw_only=True):
    """Where goods went (BG-13, BG-15); needed for intra-EU supplies (BR-IC-12)."""

    address: Address
    name: str = ""
    delivery_date: date | None = None


class InvoiceDocument(_Part, frozen=True, kw_only=True):
    """A billing document, complete. `number` is empty and `issue_date` None only while it is a draft preview.

    `issuer` is set on self-billed documents only: the letter comes from the tenant although the partner is the seller.
    `information` are extra rows of the information block. `is_test` marks documents of a sandbox.
    """

    kind: DocumentKind
    number: str
    currency: str
    seller: Seller
    buyer: Buyer
    positions: tuple[Position, ...]
    taxes: tuple[TaxBucket, ...]
    totals: Totals
    language: Language
    issue_date: date | None = None
    due_date: date | None = None
    payment: Payment
    allowances: tuple[DocumentAllowance, ...] = ()
    accounting_tax: AccountingTax | None = None
    title: str = ""
    introduction: str = ""
    closing: str = ""
    notes: tuple[str, ...] = ()
    information: tuple[tuple[str, str], ...] = ()
    purchase_order_number: str = ""
    subscription_number: str = ""
    preceding: tuple[Preceding, ...] = ()
    delivery: Delivery | None = None
    service_from: date | None = None
    service_to: date | None = None
    issuer: Seller | None = None
    is_test: bool = False
