"""Background work: jobs that transactions ask for through the outbox, periodic jobs, and what falls due.

Nothing outside this package knows the queue.
"""

from turnus.platform.jobs.registry import JobKind, JobRun, job, periodic
from turnus.platform.jobs.ticker import Due, register_due

__all__ = ["Due", "JobKind", "JobRun", "job", "periodic", "register_due"]
