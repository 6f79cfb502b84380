"""What everything else stands on: money, rounding, dates, ids, errors. Standard library and msgspec only."""
