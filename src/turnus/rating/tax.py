"""Which tax a line bears, and the tax of a document by buckets. Pure; rates and facts come in.

The decision follows § 3a, § 4, § 13b, § 19 UStG (and Art. 44, 196 Directive 2006/112/EC) for a seller with one seat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from turnus.kernel.rounding import allocate, round_minor

Category = Literal["S", "Z", "E", "AE", "K", "G", "O"]
EU = frozenset(
    [
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
        "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    ]
)  # fmt: skip
"""Member states, by ISO code (in tax rates Greece is EL)."""

NOTES = {
    "reverse_charge_eu": ("Steuerschuldnerschaft des Leistungsempfängers", "Reverse charge"),
    "third_country_service": (
        "Nicht im Inland steuerbare Leistung, § 3a UStG",
        "Service not taxable in Germany, § 3a UStG",
    ),
    "small_business": (
        "Steuerfrei nach § 19 UStG (Kleinunternehmer)",
        "Exempt from VAT under § 19 UStG (small business)",
    ),
    "exempt": ("Steuerfreie Leistung", "Exempt from VAT"),
}


class TaxSubject(msgspec.Struct, frozen=True):
    """Who sells to whom. `vat_id_valid` is the result of the VAT-id check, None when there is none."""

    seller_country: str
    small_business: bool
    buyer_country: str
    buyer_business: bool
    vat_id_valid: bool | None
    exempt: bool


class TaxTerms(msgspec.Struct, frozen=True):
    """What the tax group of a product says."""

    group: object
    reverse_charge_type: str
    exemption_text: str = ""
    exemption_code: str = ""
    has_exemption: bool = False


class TaxDecision(msgspec.Struct, frozen=True):
    """The tax of a line: case, EN 16931 category, rate in per cent (None in category O) and the note to print."""

    case: str
    category: Category
    rate: Decimal | None
    revenue_key: str
    note: tuple[str, str] = ("", "")
    """German and English."""
    code: str = ""


class TaxRateMissing(ValueError):
    """The group has no rate for that country and day."""


ZERO = Decimal(0)
RateAt = Callable[[object, str, date], Decimal | None]


def decide(subject: TaxSubject, terms: TaxTerms, day: date, rate_at: RateAt) -> TaxDecision:
    """The tax of one line; `day` is the last day of its service (§ 27 (1) UStG).

    Rows 0, 2, 4, 6, 10, 13–16 of the decision table: exempt customer, EU business with a valid VAT id, fixed-rate
    group, service to a business in a third country, small business, exempt supply, else domestic.

    Raises:
        TaxRateMissing: no rate for the country and day.
    """
    abroad = subject.buyer_country != subject.seller_country
    fixed = terms.reverse_charge_type == "REVERSE_CHARGE_DEACTIVATED"
    if subject.exempt:
        return _free("exempt", "E", "revenueTaxFree", NOTES["exempt"])
    if abroad and not fixed and not terms.has_exemption:
        if subject.buyer_country in EU and subject.buyer_business and subject.vat_id_valid:
            note = NOTES["reverse_charge_eu"]
            return _free("reverse_charge_eu", "AE", "revenueEuReverseCharge", note, "VATEX-EU-AE")
        if is_out_of_scope(subject, terms):
            note = NOTES["third_country_service"]
            return TaxDecision("third_country_service", "O", None, "revenueThirdCountry", note, "VATEX-EU-O")
    if subject.small_business:
        return _free("small_business", "E", "revenueSmallBusiness", NOTES["small_business"])
    if terms.has_exemption:
        note = (terms.exemption_text, terms.exemption_text) if terms.exemption_text else NOTES["exempt"]
        return _free("exempt", "E", "revenueTaxFree", note, terms.exemption_code)
    rate = rate_at(terms.group, subject.buyer_country if fixed else subject.seller_country, day)
    if rate is None and fixed:
        rate = rate_at(terms.group, subject.seller_country, day)
    if rate is None:
        raise TaxRateMissing(f"no rate for {subject.seller_country} on {day}")
    if rate == 0:
        return TaxDecision("fixed_rate" if fixed else "domestic", "Z", ZERO, "revenueZeroRated")
    return TaxDecision("fixed_rate" if fixed else "domestic", "S", rate, "revenueGermany")


def is_out_of_scope(subject: TaxSubject, terms: TaxTerms) -> bool:
    """Whether a line is a service to a business in a third country (§ 3a (2) UStG): category O.

    Such lines stand on no document with others (EN 16931 BR-O-11 to BR-O-14).
    """
    return (
        subject.buyer_country not in EU
        and subject.buyer_country != subject.seller_country
        and subject.buyer_business
        and not subject.exempt
        and terms.reverse_charge_type != "REVERSE_CHARGE_DEACTIVATED"
        and not terms.has_exemption
    )


def _free(case: str, category: Category, revenue: str, note: tuple[str, str], code: str = "") -> TaxDecision:
    return TaxDecision(case, category, ZERO, revenue, note, code)


class TaxedLine(msgspec.Struct, frozen=True):
    """A line's amount after discount (gross when `tax_included`), in minor units, and its decision."""

    amount_minor: int
    tax_included: bool
    decision: TaxDecision


class Bucket(msgspec.Struct, frozen=True):
    """All lines of one category and rate."""

    decision: TaxDecision
    taxable_minor: int
    tax_minor: int


class Taxed(msgspec.Struct, frozen=True):
    """Net, tax and gross of every line (lines of a bucket add up to it) and the buckets in order of appearance."""

    nets: list[int]
    taxes: list[int]
    buckets: list[Bucket]

    @property
    def net_minor(self) -> int:
        """Net of the document."""
        return sum(bucket.taxable_minor for bucket in self.buckets)

    @property
    def tax_minor(self) -> int:
        """Tax of the document."""
        return sum(bucket.tax_minor for bucket in self.buckets)


def tax_lines(lines: Sequence[TaxedLine]) -> Taxed:
    """Tax per bucket, never per line: tax = round(Σ net · rate) (EN 16931 BR-CO-17); gross prices the other way round.

    Line taxes are the bucket's tax split by largest remainder, so that lines add up to it.
    """
    if len(lines) == 1:
        return _single(lines[0])
    groups: dict[tuple[str, Decimal | None], list[int]] = {}
    for index, line in enumerate(lines):
        groups.setdefault((line.decision.category, line.decision.rate), []).append(index)
    nets, taxes = [0] * len(lines), [0] * len(lines)
    buckets = []
    for indexes in groups.values():
        decision = lines[indexes[0]].decision
        net_indexes = [i for i in indexes if not lines[i].tax_included]
        gross_indexes = [i for i in indexes if lines[i].tax_included]
        _net_priced(lines, net_indexes, decision.rate or ZERO, nets, taxes)
        _gross_priced(lines, gross_indexes, decision.rate or ZERO, nets, taxes)
        buckets.append(Bucket(decision, sum(nets[i] for i in indexes), sum(taxes[i] for i in indexes)))
    return Taxed(nets, taxes, buckets)


def _single(line: TaxedLine) -> Taxed:
    rate = line.decision.rate or ZERO
    if line.tax_included:
        tax = round_minor(line.amount_minor * rate / (100 + rate), 0)
        net = line.amount_minor - tax
    else:
        net = line.amount_minor
        tax = round_minor(net * rate / 100, 0)
    return Taxed([net], [tax], [Bucket(line.decision, net, tax)])


def _net_priced(
    lines: Sequence[TaxedLine], indexes: list[int], rate: Decimal, nets: list[int], taxes: list[int]
) -> None:
    if not indexes:
        return
    for i in indexes:
        nets[i] = lines[i].amount_minor
    tax = round_minor(sum(nets[i] for i in indexes) * rate / 100, 0)
    for i, part in zip(indexes, _shares(tax, [nets[i] for i in indexes]), strict=True):
        taxes[i] = part


def _gross_priced(
    lines: Sequence[TaxedLine], indexes: list[int], rate: Decimal, nets: list[int], taxes: list[int]
) -> None:
    if not indexes:
        return
    amounts = [lines[i].amount_minor for i in indexes]
    gross = sum(amounts)
    tax = round_minor(gross * rate / (100 + rate), 0)
    for i, amount, part in zip(indexes, amounts, _shares(gross - tax, amounts), strict=True):
        nets[i] = part
        taxes[i] = amount - part


def _shares(total: int, weights: list[int]) -> list[int]:
    """Split by largest remainder; with mixed signs the rest goes to the largest line, since shares would run away."""
    if all(weight >= 0 for weight in weights) or all(weight <= 0 for weight in weights):
        return allocate(total, [abs(weight) for weight in weights])
    whole = sum(weights)
    if whole == 0:
        return allocate(total, [abs(weight) for weight in weights])
    parts = [round_minor(Decimal(total) * weight / whole, 0) for weight in weights]
    largest = max(range(len(weights)), key=lambda i: abs(weights[i]))
    parts[largest] += total - sum(parts)
    return parts
