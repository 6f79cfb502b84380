"""Request bodies of the billing area."""

from __future__ import annotations

from turnus.platform.commands import Command, Day, Flag, Instant


class FinaliseInvoice(Command):
    """Give a draft its number. `dueDate` null: today plus the payment term."""

    due_date: Day | Instant | None = None
    send_mail: Flag | None = None
