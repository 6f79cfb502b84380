"""Titles and messages of problems and violations, German and English, by code. `{name}` is a parameter."""

TITLES: dict[str, tuple[str, str]] = {
    # code: (en, de)
    "invalid_input": ("Invalid input", "Ungültige Eingabe"),
    "unauthorized": ("Authentication required", "Anmeldung erforderlich"),
    "forbidden": ("Permission missing", "Berechtigung fehlt"),
    "ip_not_allowed": ("Address not allowed", "Adresse nicht zugelassen"),
    "tenant_suspended": ("Tenant suspended", "Mandant gesperrt"),
    "not_found": ("Not found", "Nicht gefunden"),
    "method_not_allowed": ("Method not allowed", "Methode nicht erlaubt"),
    "not_acceptable": ("Not acceptable", "Format nicht verfügbar"),
    "invalid_state": ("Not possible in this state", "In diesem Zustand nicht möglich"),
    "in_use": ("Still in use", "Wird noch verwendet"),
    "not_unique": ("Value already taken", "Wert bereits vergeben"),
    "request_in_progress": ("Request in progress", "Anfrage läuft noch"),
    "customer_has_documents": ("Customer has documents", "Kunde hat Belege"),
    "number_range_exhausted": ("Number range exhausted", "Nummernkreis erschöpft"),
    "billing_disabled": ("Billing is switched off", "Abrechnung ist abgeschaltet"),
    "gone": ("No longer available", "Nicht mehr verfügbar"),
    "precondition_failed": ("Precondition failed", "Vorbedingung nicht erfüllt"),
    "precondition_required": ("Precondition required", "Vorbedingung erforderlich"),
    "payload_too_large": ("Payload too large", "Anfrage zu groß"),
    "unsupported_media_type": ("Unsupported content type", "Inhaltstyp nicht unterstützt"),
    "validation_failed": ("Validation failed", "Prüfung fehlgeschlagen"),
    "idempotency_key_reused": ("Idempotency key reused", "Idempotency-Key mit anderem Inhalt"),
    "account_missing": ("Ledger account missing", "Buchungskonto fehlt"),
    "tax_rate_missing": ("Tax rate missing", "Steuersatz fehlt"),
    "tax_undetermined": ("Tax cannot be determined", "Steuer nicht bestimmbar"),
    "period_closed": ("Accounting period closed", "Buchungsperiode geschlossen"),
    "rate_limited": ("Too many requests", "Zu viele Anfragen"),
    "internal_error": ("Internal error", "Interner Fehler"),
    "feature_disabled": ("Function switched off", "Funktion abgeschaltet"),
    "unavailable": ("Temporarily unavailable", "Vorübergehend nicht verfügbar"),
    "sandbox_only": ("Only in a sandbox", "Nur in einer Sandbox"),
    "no_electronic_form": ("The document has no electronic form", "Der Beleg hat keine elektronische Form"),
    "rendering_failed": ("The document cannot be rendered", "Der Beleg lässt sich nicht darstellen"),
    "e_invoice_validation_unavailable": ("Validation not available", "Prüfung nicht verfügbar"),
}

MESSAGES: dict[str, tuple[str, str]] = {
    "not_blank": ("This value should not be blank.", "Dieser Wert darf nicht leer sein."),
    "not_null": ("This value is required.", "Dieser Wert ist erforderlich."),
    "too_short": ("At least {minimum} characters or elements.", "Mindestens {minimum} Zeichen oder Elemente."),
    "too_long": ("At most {maximum} characters or elements.", "Höchstens {maximum} Zeichen oder Elemente."),
    "invalid_type": ("This value should be of type {expected}.", "Dieser Wert muss vom Typ {expected} sein."),
    "invalid_choice": ("One of: {choices}.", "Einer von: {choices}."),
    "invalid_email": ("This is not an e-mail address.", "Das ist keine E-Mail-Adresse."),
    "invalid_url": ("This URL cannot be used: {reason}", "Diese URL ist nicht verwendbar: {reason}"),
    "invalid_uuid": ("This is not an id.", "Das ist keine Kennung."),
    "invalid_date": ("Use an ISO 8601 date or date-time.", "Datum oder Zeitpunkt nach ISO 8601 angeben."),
    "invalid_decimal": (
        "Use a plain decimal number with a dot: {reason}",
        "Dezimalzahl mit Punkt angeben: {reason}",
    ),
    "invalid_currency": ("This is not an ISO 4217 currency.", "Das ist keine Währung nach ISO 4217."),
    "currency_not_allowed": ("This currency is not enabled.", "Diese Währung ist nicht freigegeben."),
    "invalid_country": ("This is not an ISO 3166-1 country.", "Das ist kein Land nach ISO 3166-1."),
    "invalid_time_zone": ("This is not an IANA time zone.", "Das ist keine Zeitzone der IANA."),
    "invalid_interval": ("Use an interval such as 1M, 14D or 1Y.", "Intervall wie 1M, 14D oder 1Y angeben."),
    "invalid_iban": ("This is not an IBAN.", "Das ist keine IBAN."),
    "invalid_bic": ("This is not a BIC.", "Das ist kein BIC."),
    "invalid_vat_id": ("This is not a VAT id of that country.", "Das ist keine USt-IdNr. dieses Landes."),
    "invalid_characters": ("This text has characters that cannot be stored.", "Der Text enthält unzulässige Zeichen."),
    "invalid_format": ("This value does not have the form {form}.", "Dieser Wert hat nicht die Form {form}."),
    "out_of_range": ("This value lies outside {bounds}.", "Dieser Wert liegt außerhalb von {bounds}."),
    "not_unique": ("This value is already taken.", "Dieser Wert ist bereits vergeben."),
    "not_found": ("There is no such object.", "Dieses Objekt gibt es nicht."),
    "archived": ("The object is archived.", "Das Objekt ist archiviert."),
    "read_only": ("This value cannot be changed.", "Dieser Wert ist nicht änderbar."),
    "unknown_property": ("This property does not exist.", "Diese Eigenschaft gibt es nicht."),
    "unknown_parameter": ("This parameter does not exist.", "Diesen Parameter gibt es nicht."),
    "invalid_parameter": ("This parameter cannot be read: {reason}", "Dieser Parameter ist nicht lesbar: {reason}"),
    "conflicting": ("This value excludes {other}.", "Dieser Wert schließt {other} aus."),
    "required_with": ("This value is needed together with {other}.", "Dieser Wert wird zusammen mit {other} benötigt."),
    "invalid_json": ("The body is not valid JSON.", "Der Inhalt ist kein gültiges JSON."),
    "limit_reached": ("There can be {maximum} at most.", "Höchstens {maximum} sind möglich."),
    "missing_for_invoice": ("The invoice needs {what}.", "Die Rechnung braucht {what}."),
}


def text(table: dict[str, tuple[str, str]], code: str, locale: str, fallback: str = "") -> str:
    """The text of a code in a language."""
    pair = table.get(code)
    if pair is None:
        return fallback or code
    return pair[1] if locale == "de" else pair[0]
