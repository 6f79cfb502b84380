"""Sums, postings, periods and states: checks that the database answers as a set. Amounts are minor units."""

from __future__ import annotations

from turnus.billing.verify.findings import Check

# A draft is named by its id.
_NAME = "coalesce(i.number, i.id::text)"

_POSITIONS = f"""
select {_NAME}, i.net_minor, i.tax_minor, i.discount_minor,
       coalesce(p.net, 0), coalesce(p.tax, 0), coalesce(p.discount, 0)
  from invoice i
  left join (select invoice_id, sum(net_minor) as net, sum(tax_minor) as tax, sum(discount_minor) as discount
               from invoice_position where invoice_id is not null group by invoice_id) p on p.invoice_id = i.id
 where (i.net_minor, i.tax_minor, i.discount_minor)
       <> (coalesce(p.net, 0), coalesce(p.tax, 0), coalesce(p.discount, 0))
"""
_TAXES = f"""
select {_NAME}, i.net_minor, i.tax_minor, coalesce(t.net, 0), coalesce(t.tax, 0)
  from invoice i
  left join lateral (select sum((b->>'taxable')::bigint) as net, sum((b->>'tax')::bigint) as tax
                       from jsonb_array_elements(i.taxes) b) t on true
 where (i.net_minor, i.tax_minor) <> (coalesce(t.net, 0), coalesce(t.tax, 0))
"""
# Gross prices let the tax of a bucket differ by 0.01 from that of its net, nothing else does; a bucket of both kinds is
# rounded twice (EN 16931 BR-CO-17).
_BUCKETS = f"""
with bucket as (
  select i.id, b->>'category' as category, coalesce((b->>'rate')::numeric, -1) as rate,
         sum((b->>'taxable')::bigint) as net, sum((b->>'tax')::bigint) as tax
    from invoice i, jsonb_array_elements(i.taxes) b group by 1, 2, 3
), line as (
  select invoice_id as id, tax_category as category, coalesce(tax_rate, -1) as rate,
         sum(net_minor) as net, sum(tax_minor) as tax,
         bool_or(base_minor - discount_minor <> net_minor)::int as gross_priced,
         bool_or(base_minor - discount_minor <> gross_minor)::int as net_priced
    from invoice_position where invoice_id is not null group by 1, 2, 3
)
select {_NAME}, coalesce(bucket.category, line.category), nullif(coalesce(bucket.rate, line.rate), -1),
       bucket.net, bucket.tax, line.net, line.tax
  from bucket full join line using (id, category, rate) join invoice i on i.id = coalesce(bucket.id, line.id)
 where (bucket.net, bucket.tax) is distinct from (line.net, line.tax)
    or abs(bucket.tax - round(bucket.net * greatest(bucket.rate, 0) / 100)) > line.gross_priced * (1 + line.net_priced)
"""
_LINE = f"""
select {_NAME}, p.position, p.base_minor, p.discount_minor, p.net_minor, p.tax_minor, p.gross_minor
  from invoice_position p left join invoice i on i.id = p.invoice_id
 where p.gross_minor <> p.net_minor + p.tax_minor
    or p.base_minor - p.discount_minor not in (p.net_minor, p.gross_minor)
"""
_LINE_NUMBERS = f"""
select {_NAME}, count(*), max(p.position)
  from invoice_position p join invoice i on i.id = p.invoice_id
 group by i.id, i.number
having (min(p.position), max(p.position), count(distinct p.position)) <> (1, count(*), count(*))
"""
_GROSS = (
    f"select {_NAME}, i.net_minor, i.tax_minor, i.gross_minor from invoice i where gross_minor <> net_minor + tax_minor"
)

TOTALS = (
    Check("positions_sum", "net {0}, tax {1}, discount {2}; its positions add up to {3}, {4}, {5}", _POSITIONS),
    Check("taxes_sum", "net {0}, tax {1}; its tax buckets add up to {2}, {3}", _TAXES),
    Check("tax_bucket", "bucket {0} {1} %: taxable {2}, tax {3}; its positions: net {4}, tax {5}", _BUCKETS),
    Check("position_amounts", "position {0}: base {1}, discount {2}, net {3}, tax {4}, gross {5}", _LINE),
    Check("position_numbers", "{0} positions are numbered up to {1}", _LINE_NUMBERS),
    Check("gross_sum", "net {0} + tax {1} is not gross {2}", _GROSS),
)

_BALANCED = """
select booking_id, currency_code, sum(amount_minor) from ledger_entry
 group by booking_id, currency_code having sum(amount_minor) <> 0
"""
_LEDGER = """
select 'ledger', currency_code, sum(amount_minor) from ledger_entry
 group by currency_code having sum(amount_minor) <> 0
"""
_ACCOUNTS = """
select e.account, count(*) from ledger_entry e
 where not exists (select from ledger_account a where a.number = e.account) group by e.account
"""
# A document of 0.00 has no lines to book; all others have exactly one booking, whose lines are their buckets.
_BOOKED = """
with booked as (
  select e.document_id, count(distinct e.booking_id) as bookings,
         coalesce(sum(e.amount_minor) filter (where a.kind = 'asset'), 0) as receivable,
         coalesce(array_agg(e.amount_minor order by e.amount_minor) filter (where a.kind = 'revenue'), '{}')
           as revenue,
         coalesce(array_agg(e.amount_minor order by e.amount_minor) filter (where a.kind = 'tax'), '{}') as tax,
         min(e.customer_id::text) as customer, max(e.customer_id::text) as other_customer,
         min(e.currency_code) as currency, max(e.currency_code) as other_currency,
         min(e.booked_on) as booked_on, max(e.booked_on) as other_day
    from ledger_entry e left join ledger_account a on a.number = e.account
   where e.kind = 'invoice' group by e.document_id
), due as (
  select i.id, i.number, i.gross_minor, i.customer_id::text as customer, i.currency_code, i.issue_date,
         (select coalesce(array_agg(amount order by amount), '{}')
            from (select -(b->>'taxable')::bigint as amount from jsonb_array_elements(i.taxes) b) x
           where amount <> 0) as revenue,
         (select coalesce(array_agg(amount order by amount), '{}')
            from (select -(b->>'tax')::bigint as amount from jsonb_array_elements(i.taxes) b) x
           where amount <> 0) as tax
    from invoice i where i.number is not null and i.type <> 'TYPE_PROFORMA'
)
select coalesce(due.number, booked.document_id::text), coalesce(booked.bookings, 0),
       coalesce(booked.receivable, 0), booked.revenue, booked.tax, due.gross_minor, due.revenue, due.tax
  from due full join booked on booked.document_id = due.id
 where due.id is null
    or coalesce(booked.bookings, 0) <> case when due.revenue = '{}' and due.gross_minor = 0 then 0 else 1 end
    or (booked.bookings = 1
        and ((booked.receivable, booked.revenue, booked.tax) is distinct from (due.gross_minor, due.revenue, due.tax)
             or (booked.customer, booked.other_customer) is distinct from (due.customer, due.customer)
             or (booked.currency, booked.other_currency) is distinct from (due.currency_code, due.currency_code)
             or (booked.booked_on, booked.other_day) is distinct from (due.issue_date, due.issue_date)))
"""
_OPEN_ITEMS = """
with open as (
  select customer_id, currency_code, sum(unpaid_minor) as amount from invoice where number is not null group by 1, 2
), booked as (
  select e.customer_id, e.currency_code, sum(e.amount_minor) as amount
    from ledger_entry e join ledger_account a on a.number = e.account
   where a.key = 'receivables' group by 1, 2
)
select coalesce(c.number, customer_id::text), coalesce(open.currency_code, booked.currency_code),
       coalesce(open.amount, 0), coalesce(booked.amount, 0)
  from open full join booked using (customer_id, currency_code) left join customer c on c.id = customer_id
 where coalesce(open.amount, 0) <> coalesce(booked.amount, 0)
"""

LEDGER = (
    Check("booking_unbalanced", "the booking is off by {1} {0}", _BALANCED),
    Check("ledger_unbalanced", "debits and credits in {0} differ by {1}", _LEDGER),
    Check("account_unknown", "{0} entries are booked on an account that the chart does not have", _ACCOUNTS),
    Check(
        "invoice_booking",
        "{0} bookings, receivable {1}, revenue {2}, tax {3}; the document has gross {4}, revenue {5}, tax {6}",
        _BOOKED,
    ),
    Check("open_items", "open items of {0} {1}, receivables of {2}", _OPEN_ITEMS),
)

_OVERLAP = """
select item_id, period_start, service_from, service_to, before from (
  select item_id, period_start, service_from, service_to,
         max(service_to) over (partition by item_id order by service_from, id
                               rows between unbounded preceding and 1 preceding) as before
    from invoice_position where charge_kind = 'period' and item_id is not null) p
 where before > service_from
"""
_TWICE = """
select item_id, charge_kind, period_start, sequence, count(*) from invoice_position
 where charge_kind is not null and item_id is not null
 group by item_id, charge_kind, period_start, sequence having count(*) > 1
"""
_BILLED_UNTIL = """
select i.id, i.billed_until, p.billed_to
  from subscription_item i
  left join (select item_id, max(service_to) as billed_to from invoice_position
              where charge_kind in ('period', 'usage', 'one_time') group by item_id) p on p.item_id = i.id
 where case when p.billed_to is null then i.billed_until is not null and i.last_billed_at is not null
            else i.billed_until is distinct from p.billed_to end
"""

PERIODS = (
    Check("period_twice", "[{1}, {2}) of period {0} was billed up to {3} already", _OVERLAP),
    Check("charge_twice", "charge {0} no. {2} of the period from {1} was billed {3} times", _TWICE),
    Check("billed_until", "the item counts as billed until {0}, its positions say {1}", _BILLED_UNTIL),
)

_DRAFTS = f"select {_NAME}, i.status from invoice i where (i.number is null) <> (i.status = 'STATUS_DRAFT')"
_DATES = f"""
select {_NAME}, i.status from invoice i
 where i.number is not null
   and (i.finalization_date is null or i.issue_date is null or i.due_date is null or i.xact_id is null)
"""
_FILES = f"""
select {_NAME}, i.status, i.pdf_id is not null, i.xml_id is not null from invoice i
 where case when i.status in ('STATUS_DRAFT', 'STATUS_FINALIZING') then i.pdf_id is not null or i.xml_id is not null
            else i.pdf_id is null or i.xml_id is null or i.document_hash is null end
"""
_UNPAID = f"""
select {_NAME}, i.status, i.unpaid_minor, i.gross_minor from invoice i
 where abs(i.unpaid_minor) > abs(i.gross_minor)
    or sign(i.unpaid_minor) not in (0, sign(i.gross_minor))
    or (i.status in ('STATUS_DRAFT', 'STATUS_PAID') and i.unpaid_minor <> 0)
    or (i.status = 'STATUS_UNPAID' and i.unpaid_minor = 0)
"""

STATES = (
    Check("status_number", "the status is {0}, which does not go with its number", _DRAFTS),
    Check("final_dates", "the document is numbered but its dates are incomplete ({0})", _DATES),
    Check("status_files", "status {0}, PDF {1}, XML {2}", _FILES),
    Check("unpaid_amount", "status {0} with {1} open of {2}", _UNPAID),
)
