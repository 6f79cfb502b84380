"""E-invoices of EN 16931 in the CII syntax: ZUGFeRD/Factur-X EN 16931 and XRechnung, and their official validation."""

from turnus.documents.einvoice.cii import NoElectronicForm, type_code, xrechnung_xml, zugferd_xml
from turnus.documents.einvoice.profiles import Format, Profile, format_on

__all__ = ["Format", "NoElectronicForm", "Profile", "format_on", "type_code", "xrechnung_xml", "zugferd_xml"]
