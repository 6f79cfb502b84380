"""The permission catalogue: every resource with its actions, and what the default roles hold."""

from __future__ import annotations

READ_WRITE = (
    "user role tenant api-token settings number-range tax-group cost-centre custom-field media webhook notification"
    " document-template payment-method payment-gateway transaction sepa-xml open-banking-account bank-account"
    " bank-account-transaction customer customer-settings customer-address customer-email customer-group"
    " contact-person partner wallet invoice billing-run dunning-document dunning-rule collection subscription"
    " subscription-item measurement billing-group offer offer-template unit product product-family product-group plan"
    " price-plan price-update coupon feature entitlement checkout-link cart accounting:accounts accounting-settings"
    " report activity-log import export"
).split()
"""Resources with a `:read` and a `:write` permission."""

SPECIAL = (
    "currency:read customer:delete customer:merge customer:export customer:anonymize customer:plan:switch"
    " customer-authentication:write customer-balance:write payment-method:add payment-method:migrate"
    " transaction:refund invoice:finalize invoice:cancel invoice:refund invoice:delete invoice:approve invoice:send"
    " invoice:write-off invoice:export dunning-run:execute subscription:cancel offer:approve accounting:export"
    " accounting:period-close:write accounting:connections"
).split()

SELF = (
    "customer:self:read customer:self:write subscription:self:read subscription:self:cancel invoice:self:read"
    " invoice:self:pay payment-method:self:read payment-method:self:write entitlement:self:read wallet:self:read"
    " wallet:self:top-up"
).split()
"""Permissions of end customers, which reach only their own data."""

ASSIGNABLE = frozenset([f"{name}:{action}" for name in READ_WRITE for action in ("read", "write")] + SPECIAL)
"""What tokens and roles may hold."""

_ACCOUNTING = (
    "customer customer-address customer-email customer-group contact-person partner product price-update entitlement"
    " subscription subscription-item measurement billing-group cart invoice billing-run accounting:accounts"
    " accounting-settings dunning-document dunning-rule collection tax-group cost-centre transaction sepa-xml"
    " bank-account bank-account-transaction open-banking-account payment-method"
).split()
_USER = (
    "customer customer-address customer-email customer-group contact-person partner product entitlement subscription"
    " subscription-item measurement billing-group cart offer invoice billing-run transaction payment-method report"
).split()


def _both(resources: list[str]) -> set[str]:
    return {f"{name}:{action}" for name in resources for action in ("read", "write")}


DEFAULT_ROLES: dict[str, frozenset[str]] = {
    "Administrator": ASSIGNABLE,
    "Accounting": frozenset(
        _both(_ACCOUNTING)
        | {p for p in SPECIAL if p.startswith(("invoice:", "accounting:", "dunning-run:", "transaction:"))}
        | {"customer:merge", "customer-balance:write", "number-range:read", "media:read", "currency:read"}
    ),
    "User": frozenset(
        _both(_USER)
        | {f"{name}:read" for name in "tax-group cost-centre custom-field media notification currency".split()}
        | {"invoice:finalize", "invoice:send", "subscription:cancel", "payment-method:add"}
    ),
    "Read-only": frozenset(p for p in ASSIGNABLE if p.endswith(":read")),
}
