"""Numbers, amounts and dates as they are printed: `1.234,50 €` and `01.12.2026`, `€1,234.50` and `1 Dec 2026`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from turnus.documents.model import Language
from turnus.kernel.money import exponent
from turnus.kernel.rounding import round_half_away

_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TO_GERMAN = str.maketrans(",.", ".,")
MINUS, NARROW, DASH = "\u2212", "\u00a0", "\u2013"


class Formats:
    """Printed forms of one language and one currency."""

    def __init__(self, language: Language, currency: str) -> None:
        self.language = language
        self.currency = currency
        self.digits = exponent(currency)

    def amount(self, minor: int) -> str:
        """An amount in minor units with its currency."""
        return self._with_currency(Decimal(minor).scaleb(-self.digits), self.digits)

    def unit_price(self, price: Decimal) -> str:
        """A price with its currency: all its decimals, at least the currency's."""
        return self._with_currency(price, max(self.digits, _decimals(price)))

    def number(self, value: Decimal) -> str:
        """A quantity or rate without superfluous zeros."""
        return self._grouped(value, _decimals(value))

    def percent(self, value: Decimal) -> str:
        """`19 %` in German, `19%` in English."""
        return self.number(value) + (f"{NARROW}%" if self.language == "de" else "%")

    def day(self, value: date) -> str:
        """A date."""
        if self.language == "de":
            return f"{value:%d.%m.%Y}"
        return f"{value.day}{NARROW}{_MONTHS[value.month - 1]}{NARROW}{value.year}"

    def period(self, start: date | None, end: date | None) -> str:
        """A service period with its last day included; one day is printed once."""
        if start is None or end is None or start == end:
            only = start or end
            return self.day(only) if only else ""
        return f"{self.day(start)} {DASH} {self.day(end)}"

    def _with_currency(self, value: Decimal, decimals: int) -> str:
        digits = self._grouped(abs(value), decimals)
        sign = MINUS if value < 0 else ""
        symbol = _SYMBOLS.get(self.currency)
        if self.language == "de":
            return f"{sign}{digits}{NARROW}{symbol or self.currency}"
        return f"{sign}{symbol}{digits}" if symbol else f"{sign}{self.currency}{NARROW}{digits}"

    def _grouped(self, value: Decimal, decimals: int) -> str:
        text = f"{round_half_away(value, decimals):,.{decimals}f}".replace("-", MINUS)
        return text.translate(_TO_GERMAN) if self.language == "de" else text


def _decimals(value: Decimal) -> int:
    """Decimals that carry something (`Decimal("2.50")` → 1)."""
    text = f"{value:f}"
    return len(text.partition(".")[2].rstrip("0"))


def iban(text: str) -> str:
    """An IBAN in groups of four."""
    plain = text.replace(" ", "")
    return " ".join(plain[start : start + 4] for start in range(0, len(plain), 4))


def masked_iban(text: str) -> str:
    """The payer's IBAN with the middle hidden (`DE02 … 6820 01`): enough to recognise one's account."""
    plain = text.replace(" ", "")
    return f"{plain[:4]} … {plain[-4:]}"
