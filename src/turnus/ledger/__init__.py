"""The books: balanced entries, written once and never changed."""
