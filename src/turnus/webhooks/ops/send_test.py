"""Send an invented event to a webhook and tell what came back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam, select

from turnus.kernel.errors import ValidationFailed
from turnus.kernel.ids import new_id
from turnus.platform.context import Context
from turnus.platform.db.reads import read_rows
from turnus.platform.events.facts import catalogue
from turnus.platform.events.payloads import created, public_id
from turnus.platform.events.stable_json import stable_json
from turnus.webhooks.commands import SendTest
from turnus.webhooks.delivery.call import call, target_of
from turnus.webhooks.events import WEBHOOK_TEST
from turnus.webhooks.model import Webhook
from turnus.webhooks.views.catalogue import sample_body

w = Webhook
_target = read_rows(
    select(w.url, w.secret, w.previous_secret, w.previous_secret_until, w.headers).where(
        w.id == bindparam("id", type_=Uuid)
    )
)


class TestResult(msgspec.Struct, frozen=True, rename="camel"):
    """What came back from a test call; `error` is a word such as `timeout` when there was no answer."""

    success: bool
    status_code: int | None
    error: str | None
    duration_ms: int
    response_body: str | None
    event_id: str


async def prepare_test(ctx: Context, id: UUID, command: SendTest) -> Callable[[], Awaitable[TestResult]]:
    """Read everything for a test call, which is made by the function that is returned, outside the transaction.

    Raises:
        NotFound: there is no such webhook.
        ValidationFailed: the event is unknown.
    """
    columns = await _target.one(ctx, id=id)
    event = catalogue.get(command.event or WEBHOOK_TEST.name)
    if event is None:
        raise ValidationFailed.at("event", "invalid_choice", choices=sorted(catalogue))
    services, clock, event_id = ctx.services, ctx.clock, public_id(new_id())
    target = target_of(
        services.cipher,
        ctx.tenant_id,
        id,
        columns,
        sandbox=ctx.tenant.sandbox,
        settings=ctx.tenant.settings,
        now=ctx.wall(),
    )
    body = stable_json(sample_body(event, str(ctx.tenant_id), event_id, created(ctx.now())))

    async def send() -> TestResult:
        made = await call(
            services.outbound,
            target,
            delivery_id=new_id(),
            event_id=event_id,
            event=event.name,
            number=1,
            body=body,
            clock=clock,
        )
        return TestResult(made.succeeded, made.status_code, made.error, made.duration_ms, made.response_body, event_id)

    return send
