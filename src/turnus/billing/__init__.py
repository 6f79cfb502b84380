"""Billing: the run that turns contracts into invoices, and the documents it makes."""
