"""All mapped tables, imported in one place for migrations and tests."""

import turnus.customers.model
import turnus.identity.model
import turnus.platform.db.terms
import turnus.platform.events.model
import turnus.platform.idempotency
import turnus.platform.tenancy.model
import turnus.settings.model  # noqa: F401
from turnus.platform.db.schema import Base

metadata = Base.metadata
