"""Wiring of background work: who follows the event log, and the jobs of all areas (declared by being imported)."""

import turnus.billing.jobs
import turnus.platform.jobs.maintenance
import turnus.webhooks.jobs  # noqa: F401 - imported for its jobs
from turnus.platform.events import dispatch
from turnus.platform.jobs.registry import RESOURCE
from turnus.platform.jobs.requests import defer_requested
from turnus.webhooks.delivery.fan_out import fan_out, render_wanted

dispatch.carry(RESOURCE, defer_requested)
dispatch.follow(fan_out)
dispatch.afterwards(render_wanted)
