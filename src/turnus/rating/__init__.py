"""The pure heart of Turnus: contracts and what was billed in, charges out. Knows no database, clock or network."""
