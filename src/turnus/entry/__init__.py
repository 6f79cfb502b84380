"""The composition root: wires areas, subscribers, jobs and commands together."""
