"""What is sold: units, measurements, products and their prices."""
