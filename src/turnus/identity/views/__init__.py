"""Read side of the identity area."""
