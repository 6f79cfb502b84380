"""VAT ids: does an id have the form and the check digits of its country? Works offline."""

from __future__ import annotations

import re
from typing import Any

from stdnum.ch import vat as ch_vat
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.gb import vat as gb_vat
from stdnum.no import mva as no_vat

# Countries of the European Union and the prefix of their ids (Directive 2006/112/EC, article 215).
# Monaco belongs to the French tax territory.
EU_PREFIXES = {code.upper(): code.upper() for code in eu_vat.MEMBER_STATES - {"gr", "xi"}} | {"GR": "EL", "MC": "FR"}
_FORM = re.compile(r"[A-Z0-9+*/]{2,30}")


def normalised_vat_id(vat_id: str | None) -> str | None:
    """Upper case without blanks, dots and hyphens."""
    return "".join(c for c in vat_id.upper() if c not in " .-\t\u00a0") or None if vat_id else None


def fits_country(vat_id: str, country: str) -> bool:
    """Whether a normalised VAT id can be one of a business in `country` (01 §1.5).

    Ids of the Union begin with the country's prefix (Greece: EL) and have its form; Northern Ireland (XI) counts as the
    United Kingdom. Of other countries GB, CH and NO are verified, the rest must not look like an id of the Union. A
    wrong check digit is no refusal within the Union: the id is known to be invalid then (`is_known_invalid`).
    """
    if not _FORM.fullmatch(vat_id):
        return False
    if country in EU_PREFIXES:
        return vat_id.startswith(EU_PREFIXES[country]) and _has_form(vat_id)
    if country == "GB":
        number = vat_id[2:] if vat_id[:2] in ("GB", "XI") else vat_id
        return _passes(gb_vat, number)
    if country in ("CH", "LI"):
        # The UID alone or with MWST, TVA, IVA behind it.
        return _passes(ch_vat, vat_id if len(vat_id) > 12 else f"{vat_id}MWST")
    if country == "NO":
        return _passes(no_vat, vat_id)
    return not (vat_id[:2] in EU_PREFIXES.values() and _passes(eu_vat, vat_id))


def is_known_invalid(vat_id: str, country: str) -> bool:
    """Whether the check digits alone show that an id of the Union cannot exist."""
    return country in EU_PREFIXES and not _passes(eu_vat, vat_id)


def validity_before_check(vat_id: str | None, country: str) -> bool | None:
    """What is known of an id that nobody asked for yet: False for a wrong check digit, else nothing."""
    return False if vat_id is not None and is_known_invalid(vat_id, country) else None


def _has_form(vat_id: str) -> bool:
    try:
        eu_vat.validate(vat_id)
    except InvalidChecksum:
        return True
    except ValidationError:
        return False
    return True


def _passes(scheme: Any, number: str) -> bool:
    try:
        scheme.validate(number)
    except ValidationError:
        return False
    return True
