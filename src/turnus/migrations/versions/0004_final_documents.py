"""What is final stays final: guards of invoices, positions and bookings"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Everything of a numbered invoice but these columns is frozen (GoBD; § 146 (4) AO).
MOVING = (
    "status unpaid_minor pay_date last_sent_at internal_note custom_fields pdf_id xml_id document_hash render_after"
    " render_attempts render_error updated_at"
).split()

INVOICE = """
create function turnus_invoice_is_final() returns trigger language plpgsql as $$
declare frozen invoice;
begin
  if tg_op = 'DELETE' then
    raise exception 'invoice % has a number and cannot be deleted', old.number using errcode = 'TU001';
  end if;
  frozen := new;
  {moving}
  if frozen is distinct from old then
    raise exception 'invoice % is final', old.number using errcode = 'TU001';
  end if;
  return new;
end $$
"""

POSITION = """
create function {name}() returns trigger language plpgsql as $$
declare final boolean;
begin
  -- A look-up by key per document (`offset 0`), planned each time (`execute`): a plan kept from the time when the table
  -- was empty would walk over all invoices of the tenant.
  execute 'select exists (select from
             (select distinct tenant_id, invoice_id from {changed} where invoice_id is not null) c,
             lateral (select from invoice i where i.tenant_id = c.tenant_id and i.id = c.invoice_id
                       and i.number is not null and i.xact_id <> pg_current_xact_id()::text::bigint offset 0) found)'
     into final;
  if final then
    raise exception 'positions of a numbered invoice are final' using errcode = 'TU001';
  end if;
  return null;
end $$
"""

BOOKING = """
create function turnus_booking_balances() returns trigger language plpgsql as $$
begin
  if exists (select from entered group by tenant_id, booking_id, currency_code having sum(amount_minor) <> 0) then
    raise exception 'booking does not balance' using errcode = 'TU002';
  end if;
  return null;
end $$
"""


def upgrade() -> None:
    op.execute(INVOICE.format(moving="\n  ".join(f"frozen.{name} := old.{name};" for name in MOVING)))
    op.execute(
        "create trigger invoice_is_final before update or delete on invoice"
        " for each row when (old.number is not null) execute function turnus_invoice_is_final()"
    )
    # An update may take a line away from a numbered invoice, or move a draft's line onto one.
    both = "(select tenant_id, invoice_id from changed union all select tenant_id, invoice_id from becoming) b"
    op.execute(POSITION.format(name="turnus_position_is_final", changed="changed"))
    op.execute(POSITION.format(name="turnus_moved_position_is_final", changed=both))
    for event, clause, function in (
        ("insert", "new table as changed", "turnus_position_is_final"),
        ("update", "old table as changed new table as becoming", "turnus_moved_position_is_final"),
        ("delete", "old table as changed", "turnus_position_is_final"),
    ):
        op.execute(
            f"create trigger position_is_final_on_{event} after {event} on invoice_position referencing {clause}"
            f" for each statement execute function {function}()"
        )
    op.execute(BOOKING)
    op.execute(
        "create trigger booking_balances after insert on ledger_entry referencing new table as entered"
        " for each statement execute function turnus_booking_balances()"
    )


def downgrade() -> None:
    raise NotImplementedError("restore a backup instead")
