"""Refusals of the customers area."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg.errors
from sqlalchemy.exc import IntegrityError

from turnus.kernel.errors import InUse, Problem, ValidationFailed

# Keys that two racing requests can both find free, and the property each belongs to.
_UNIQUE = {
    "uq_customer_number": "customerNumber",
    "uq_customer_datev_id": "datevId",
    "uq_customer_external_id": "externalId",
    "uq_customer_email_login": "email",
    "uq_customer_group_name": "name",
}
_REFERENCES = {
    "fk_customer_group_id": "customerGroup",
    "fk_partner_id": "partner",
    "fk_parent_id": "parentCustomerId",
}


class TakenMeanwhile(Problem):
    """Another request took the same unique value at the same moment."""

    code, status = "not_unique", 409


class CustomerHasDocuments(InUse):
    """The customer has documents, payments, entries in the books or contracts and can only be archived (01 §1.7)."""

    code = "customer_has_documents"

    def __init__(self, references: Mapping[str, int]) -> None:
        super().__init__(dict(references))
        self.detail = "Archive or anonymise the customer instead."


@contextmanager
def refused_races(number: str = "customerNumber") -> Iterator[None]:
    """Turn what the database finds between check and write into a refusal; `number` is the property being claimed.

    Raises:
        TakenMeanwhile: a racing request wrote the same number, debtor number, external id, login or group name.
        ValidationFailed: a referenced object was deleted meanwhile.
    """
    try:
        yield
    except IntegrityError as error:
        raise _refusal(error.orig, number) or error from error
    except psycopg.IntegrityError as error:
        raise _refusal(error, number) or error from error


def _refusal(error: BaseException | None, number: str) -> Problem | None:
    if not isinstance(error, psycopg.Error):
        return None
    constraint = error.diag.constraint_name or ""
    if constraint == "uq_number_issued_number":
        return TakenMeanwhile(propertyPath=number)
    if constraint in _UNIQUE:
        return TakenMeanwhile(propertyPath=_UNIQUE[constraint])
    if constraint in _REFERENCES:
        return ValidationFailed.at(_REFERENCES[constraint], "not_found")
    return None
