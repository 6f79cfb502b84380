"""Seller, buyer and delivery address in CII (BG-4, BG-7, BG-13)."""

from __future__ import annotations

from turnus.documents.einvoice.xml import leaf, node
from turnus.documents.model import Address, Buyer, ElectronicAddress, InvoiceDocument, Seller


def is_outside_scope(document: InvoiceDocument) -> bool:
    """True for a document of category O, on which no VAT id may stand (BR-O-02)."""
    return any(bucket.category == "O" for bucket in document.taxes)


def seller_party(seller: Seller, *, outside_scope: bool) -> str:
    """BG-4. A seller without VAT id must have an id of another kind (BR-CO-26): its number, register number or tax number."""
    vat_id = "" if outside_scope else seller.vat_id
    own_id = seller.seller_id
    if not own_id and not vat_id and not seller.register_number:
        own_id = seller.tax_number
    return node(
        "ram:SellerTradeParty",
        leaf("ram:ID", own_id),
        leaf("ram:Name", seller.name),
        node("ram:SpecifiedLegalOrganization", leaf("ram:ID", seller.register_number)),
        contact(seller.contact_name or seller.name, seller.phone, seller.email),
        address(seller.address),
        electronic(seller.electronic_address or _derived(seller.email, seller.vat_id)),
        registration(vat_id, "VA"),
        registration(seller.tax_number, "FC"),
    )


def buyer_party(buyer: Buyer, *, outside_scope: bool) -> str:
    """BG-7. The electronic address falls back on Leitweg-ID, mail address and German VAT id, in this order."""
    target = buyer.electronic_address
    if target is None and buyer.leitweg_id:
        target = ElectronicAddress(value=buyer.leitweg_id, scheme="0204")
    person = buyer.contact_name or (buyer.name_lines[0] if buyer.name_lines else "")
    return node(
        "ram:BuyerTradeParty",
        leaf("ram:ID", buyer.customer_number),
        leaf("ram:Name", buyer.name),
        node("ram:SpecifiedLegalOrganization", leaf("ram:ID", buyer.legal_id)),
        contact(person, buyer.phone, buyer.email),
        address(buyer.address),
        electronic(target or _derived(buyer.email, buyer.vat_id)),
        "" if outside_scope else registration(buyer.vat_id, "VA"),
    )


def ship_to_party(document: InvoiceDocument) -> str:
    """BG-13/BG-15. An intra-EU supply must name the country of delivery (BR-IC-12); without one it went to the buyer."""
    delivery = document.delivery
    if delivery is not None:
        return node("ram:ShipToTradeParty", leaf("ram:Name", delivery.name), address(delivery.address))
    if any(bucket.category == "K" for bucket in document.taxes):
        return node("ram:ShipToTradeParty", address(document.buyer.address))
    return ""


def address(value: Address) -> str:
    """BG-5, BG-8, BG-15."""
    return node(
        "ram:PostalTradeAddress",
        leaf("ram:PostcodeCode", value.postcode),
        leaf("ram:LineOne", value.street),
        leaf("ram:LineTwo", value.addition),
        leaf("ram:CityName", value.city),
        leaf("ram:CountryID", value.country),
    )


def contact(person: str, phone: str, email: str) -> str:
    """BG-6, BG-9."""
    return node(
        "ram:DefinedTradeContact",
        leaf("ram:PersonName", person),
        node("ram:TelephoneUniversalCommunication", leaf("ram:CompleteNumber", phone)),
        node("ram:EmailURIUniversalCommunication", leaf("ram:URIID", email)),
    )


def electronic(value: ElectronicAddress | None) -> str:
    """BT-34, BT-49."""
    if value is None:
        return ""
    return node("ram:URIUniversalCommunication", leaf("ram:URIID", value.value, schemeID=value.scheme))


def registration(number: str, scheme: str) -> str:
    """BT-31, BT-48 (`VA`) and BT-32 (`FC`)."""
    return node("ram:SpecifiedTaxRegistration", leaf("ram:ID", number, schemeID=scheme))


def _derived(email: str, vat_id: str) -> ElectronicAddress | None:
    if email:
        return ElectronicAddress(value=email, scheme="EM")
    if vat_id.startswith("DE"):
        return ElectronicAddress(value=vat_id, scheme="9930")
    return None
