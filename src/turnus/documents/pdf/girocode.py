"""GiroCode: a SEPA transfer as QR code (EPC069-12, version 002)."""

from __future__ import annotations

from decimal import Decimal

import segno

from turnus.documents.model import BankAccount

_LARGEST_MINOR = 99_999_999_999
_MASK = 2
"""All masks are equally valid; choosing the prettiest of eight would take six times as long as making the code."""


def payload(account: BankAccount, amount_minor: int, remittance: str) -> str:
    """The text of the code; empty when there is nothing to pay or the amount is beyond what the form can say.

    Name and remittance are cut to the 70 and 140 characters the form allows.
    """
    if not 0 < amount_minor <= _LARGEST_MINOR:
        return ""
    amount = Decimal(amount_minor).scaleb(-2)
    name, text = _line(account.holder)[:70], _line(remittance)[:140]
    bic, iban = account.bic.replace(" ", ""), account.iban.replace(" ", "")
    return "\n".join(("BCD", "002", "1", "SCT", bic, name, iban, f"EUR{amount:.2f}", "", "", text))


def svg(text: str) -> str:
    """The code as SVG (error correction M, at most version 13). It needs a margin of four modules around it."""
    code = segno.make(text, error="m", micro=False, boost_error=False, encoding="utf-8", mask=_MASK)
    rows = [bytes(row) for row in code.matrix]
    runs = "".join(_runs(row, y) for y, row in enumerate(rows))
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {len(rows)} {len(rows)}"><path d="{runs}"/></svg>'


def _runs(row: bytes, y: int) -> str:
    """Dark modules of a row, joined to one rectangle per run."""
    path, start = [], -1
    for x, module in enumerate((*row, 0)):
        if module and start < 0:
            start = x
        elif not module and start >= 0:
            path.append(f"M{start} {y}h{x - start}v1H{start}z")
            start = -1
    return "".join(path)


def _line(text: str) -> str:
    return " ".join(text.split())
