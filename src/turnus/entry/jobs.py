"""Wiring of background work: who follows the event log, and the jobs of all areas (declared where they are imported)."""

from turnus.platform.events import dispatch
from turnus.webhooks.delivery.fan_out import fan_out, render_wanted

dispatch.follow(fan_out)
dispatch.afterwards(render_wanted)
