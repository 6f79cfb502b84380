"""Request bodies of the billing area."""

from __future__ import annotations

from turnus.platform.commands import Command, DayOrInstant, Flag


class FinaliseInvoice(Command):
    """Give a draft its number. `dueDate` null: today plus the payment term."""

    due_date: DayOrInstant | None = None
    send_mail: Flag | None = None
