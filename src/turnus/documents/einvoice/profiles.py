"""Formats and their identifiers, by the date from which they are in force."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import msgspec


class Profile(StrEnum):
    """What an e-invoice claims to follow."""

    EN16931 = "EN16931"
    """ZUGFeRD/Factur-X profile EN 16931: only the European rules apply."""
    XRECHNUNG = "XRECHNUNG"
    """XRechnung: the European rules and the German ones (BR-DE, taken over from Peppol)."""


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """Identifiers of one version of a profile; `file_name` and `conformance_level` are those of the hybrid PDF."""

    profile: Profile
    valid_from: date
    version: str
    guideline: str
    business_process: str
    file_name: str
    conformance_level: str


FORMATS = (
    Format(
        profile=Profile.EN16931,
        valid_from=date(2020, 1, 1),
        version="ZUGFeRD 2.5.2 / Factur-X 1.09.2",
        guideline="urn:cen.eu:en16931:2017",
        business_process="",
        file_name="factur-x.xml",
        conformance_level="EN 16931",
    ),
    Format(
        profile=Profile.XRECHNUNG,
        valid_from=date(2024, 2, 1),
        version="XRechnung 3.0.2",
        guideline="urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0",
        business_process="urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
        file_name="xrechnung.xml",
        conformance_level="XRECHNUNG",
    ),
)


def format_on(profile: Profile, day: date) -> Format:
    """The version of `profile` in force on `day`; before the first one known, the first."""
    versions = sorted((entry for entry in FORMATS if entry.profile == profile), key=lambda entry: entry.valid_from)
    current = versions[0]
    for entry in versions:
        if entry.valid_from <= day:
            current = entry
    return current
