"""`turnus demo`: a real-looking company, billed for three months on its test clock, then served."""

from turnus.entry.demo.show import run_demo

__all__ = ["run_demo"]
