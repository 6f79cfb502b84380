"""The tenant as issuer of documents, from its settings."""

from __future__ import annotations

from typing import Any

from turnus.documents.model import Address, BankAccount, ElectronicAddress, Seller
from turnus.kernel.errors import ValidationFailed, Violation
from turnus.platform.context import Context


def issuer_of(ctx: Context) -> Seller:
    """The seller to freeze in documents.

    Raises:
        ValidationFailed: name, address, or both tax number and VAT id are missing (§ 14 (4) no. 1, 2 UStG).
    """

    def value(name: str) -> str:
        return str(ctx.setting(f"organisation.{name}", None) or "")

    missing = [
        Violation(f"organisation.{name}", "missing_for_invoice", parameters={"what": f"organisation.{name}"})
        for name in ("companyName", "street", "zip", "city")
        if not value(name)
    ]
    if not value("taxNumber") and not value("vatId"):
        what = {"what": "organisation.vatId / organisation.taxNumber"}
        missing.append(Violation("organisation.vatId", "missing_for_invoice", parameters=what))
    if missing:
        raise ValidationFailed(missing)
    email = value("email")
    directors = value("managingDirectors")
    return Seller(
        name=value("companyName"),
        address=Address(
            street=f"{value('street')} {value('houseNumber')}".strip(),
            postcode=value("zip"),
            city=value("city"),
            country=value("countryCode") or "DE",
        ),
        tax_number=value("taxNumber"),
        vat_id=value("vatId"),
        ex_number=value("exNumber"),
        register_court=value("commercialRegisterName"),
        register_number=value("commercialRegisterNumber"),
        managing_directors=tuple(name.strip() for name in directors.split(",") if name.strip()),
        contact_name=value("contactName") or value("companyName"),
        phone=value("phone"),
        email=email,
        website=value("website"),
        bank_account=_bank_account(ctx.setting("organisation.bankAccounts", []), value("companyName")),
        creditor_id=str(ctx.setting("sepaXml.creditorIdentifier", None) or ""),
        seller_id=str(ctx.tenant.slug),
        electronic_address=ElectronicAddress(value=email, scheme="EM") if email else None,
    )


def _bank_account(accounts: list[dict[str, Any]], holder: str) -> BankAccount | None:
    chosen = next((a for a in accounts if a.get("default")), accounts[0] if accounts else None)
    if chosen is None:
        return None
    return BankAccount(
        holder=chosen.get("accountHolder") or holder,
        iban=chosen["iban"],
        bic=chosen.get("bic") or "",
        bank_name=chosen.get("bankName") or "",
    )
