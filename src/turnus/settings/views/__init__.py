"""Read side of the settings area."""
