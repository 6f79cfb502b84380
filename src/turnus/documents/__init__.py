"""Documents that leave the house: pure functions from a frozen value to bytes. Knows no database and no clock."""
