"""Request bodies of the settings area."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from turnus.platform.commands import Amount, Command, Count, Day, Flag, Id, Language, Name, Text, refuse

EntityType = Literal["customer", "product", "subscription", "invoice", "offer", "price_plan"]
FieldType = Literal["text", "number", "date", "select", "multi_select", "list", "checkbox"]
ReverseChargeType = Literal["REVERSE_CHARGE_DEACTIVATED", "REVERSE_CHARGE", "REVERSE_CHARGE_INTRA_EU_SUPPLY"]
SupplyKind = Literal["electronic", "catalogue", "general", "local", "goods"]
# 10 §D.2; XI is Northern Ireland, where only goods count as EU.
TAX_COUNTRIES = frozenset(
    ("*", "EU_*", "AT", "BE", "BG", "CY", "CH", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "GB", "HR", "HU", "IE",
     "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "XI")
)  # fmt: skip


def _translated(value: Any) -> Any:
    """A plain string is German, the language that every other falls back to."""
    return {"de": value} if isinstance(value, str) else value


def _some_language(value: dict[str, str]) -> dict[str, str]:
    if not value:
        raise refuse("not_blank")
    return value


Translated = Annotated[dict[Language, Name], BeforeValidator(_translated), AfterValidator(_some_language)]
"""A text by language; a plain string counts as German."""


def _choice(value: Any) -> Any:
    pair = value if isinstance(value, dict) else {"value": value, "label": value}
    if set(pair) != {"value", "label"}:
        raise refuse("invalid_format", form='{"value": …, "label": …}')
    for text in (pair["value"], *(pair["label"].values() if isinstance(pair["label"], dict) else [pair["label"]])):
        if not isinstance(text, str):
            raise refuse("invalid_type", expected="string")
        if not text.strip():
            raise refuse("not_blank")
        if len(text) > 255:
            raise refuse("too_long", maximum=255)
        if "\x00" in text or not text.isprintable():
            raise refuse("invalid_characters")
    if isinstance(pair["label"], dict) and not set(pair["label"]) <= {"de", "en"}:
        raise refuse("invalid_choice", choices=["de", "en"])
    return value


Choices = Annotated[list[Annotated[Any, AfterValidator(_choice)]], Field(max_length=1000)]
"""Values to choose from: plain strings, or pairs `{"value", "label"}` whose display differs from the value."""


class FieldValidation(Command):
    """Rules of a custom field's values: lengths and regex of texts, bounds of numbers."""

    min_length: Annotated[Count, Field(ge=0, le=10_000)] | None = None
    max_length: Annotated[Count, Field(ge=1, le=10_000)] | None = None
    min: Amount | None = None
    max: Amount | None = None
    regex: Annotated[Text, Field(min_length=1, max_length=500)] | None = None


class FieldSettings(Command):
    """What may be changed of a custom field."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | {"status"}

    entity_type: EntityType | None = None
    key: Text | None = None
    type: FieldType | None = None
    label: Translated
    choices: Choices = []
    required: Flag = False
    default_value: Any = None
    visible_in_ui: Flag = True
    editable_in_ui: Flag = True
    visible_in_api: Flag = True
    visible_to_customer: Flag = False
    print_on_invoice: Flag = False
    position: Annotated[Count, Field(ge=0, le=1_000_000)] | None = None
    validation: FieldValidation = FieldValidation()


class CreateCustomField(FieldSettings):
    """A new custom field. Entity, key and type stay what they are."""

    entity_type: EntityType
    key: Annotated[str, Field(pattern=r"^[a-zA-Z][a-zA-Z0-9_]{0,62}$")]
    type: FieldType


class PatchCustomField(FieldSettings):
    """Changes of a custom field: only what is sent."""

    label: Translated = {}


class OrderCustomFields(Command):
    """The order of an entity's fields; fields that are not named follow in their old order."""

    entity_type: EntityType
    ids: Annotated[list[Id], Field(min_length=1, max_length=1000)]


class ChangeSettings(BaseModel):
    """Settings of a context by name; null resets one to its default (RFC 7396)."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def changes(self) -> dict[str, Any]:
        """The names given, with their new values."""
        return dict(self.model_extra or {})


class PatchNumberRange(Command):
    """Changes of a number range."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | {"type", "nextPreview"}

    method: Literal["sequential", "random"] = "sequential"
    format: Annotated[Text, Field(min_length=1, max_length=100)] = "{number}"
    current_number: Annotated[Count, Field(ge=0, le=10**15 - 1)] = 0
    min_digits: Annotated[Count, Field(ge=1, le=15)] = 1
    random_length: Annotated[Count, Field(ge=6, le=32)] = 10
    reset: Literal["never", "yearly", "monthly", "daily"] = "never"


def _tax_country(value: str) -> str:
    code = {"GR": "EL"}.get(value, value)
    if code not in TAX_COUNTRIES:
        raise refuse("invalid_choice", choices=sorted(TAX_COUNTRIES))
    return code


Percentage = Annotated[Amount, Field(ge=0, le=100)]
TaxCountry = Annotated[str, AfterValidator(_tax_country)]
"""A country of a tax rate: `*` any, `EU_*` any member state, Greece as `EL`."""


class TaxFields(Command):
    """A rate in per cent that holds in a country from a day on."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | {"validTo"}

    description: Annotated[Text, Field(max_length=255)] | None = None
    code: Annotated[Text, Field(max_length=255)] | None = None
    rate: Percentage
    valid_from: Day
    country_code: TaxCountry


class TaxOfGroup(TaxFields):
    """A rate of a group; with an id it changes a present one."""

    id: Id | None = None

    @model_validator(mode="before")
    @classmethod
    def _sent_back(cls, value: Any) -> Any:
        """A rate as it was read may be sent back; when it ends follows from the next one."""
        return {k: v for k, v in value.items() if k != "validTo"} if isinstance(value, dict) else value


class Exemption(Command):
    """Why supplies of a group are exempt (EN 16931 BT-120, BT-121)."""

    legal_basis: Annotated[Text, Field(max_length=255)] = ""
    vatex_code: Annotated[Text, Field(max_length=50)] | None = None
    text: Annotated[Text, Field(max_length=1000)] = ""


class TaxGroupFields(Command):
    """A tax group as it is created."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | {"archived"}

    internal_description: Name
    reverse_charge_type: ReverseChargeType = "REVERSE_CHARGE"
    type: Literal["standard", "reduced"] = "standard"
    supply_kind: SupplyKind | None = None
    exemption: Exemption | None = None
    domestic_reverse_charge: Flag = False
    taxes: Annotated[list[TaxOfGroup], Field(min_length=1, max_length=500)]


class ResolveTax(Command):
    """Which rate a tax group has in a country on a day (default: today)."""

    tax_group: Id
    country_code: Annotated[str, Field(min_length=2, max_length=2)]
    date: Day | None = None
