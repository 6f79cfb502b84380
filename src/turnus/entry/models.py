"""All mapped tables, imported in one place for migrations and tests."""

# ruff: noqa: F401 - imported for their tables

import turnus.billing.model
import turnus.catalogue.model
import turnus.customers.model
import turnus.identity.model
import turnus.ledger.model
import turnus.media.model
import turnus.platform.api.ratelimit_model
import turnus.platform.db.terms
import turnus.platform.events.model
import turnus.platform.idempotency
import turnus.platform.jobs.model
import turnus.platform.tenancy.model
import turnus.settings.model
import turnus.subscriptions.model
import turnus.webhooks.model
from turnus.platform.db.schema import Base

metadata = Base.metadata
