"""The server's settings: a file of ours, written anew at each start, so that an upgrade of Turnus can change them."""

from __future__ import annotations

import os
from pathlib import Path

FILE = "postgresql.turnus.conf"
_MEBIBYTE = 1024 * 1024
_MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_mib() -> int:
    """The memory this process may use: the machine's, or the container's if that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _MEMORY_LIMITS:
        try:
            limit = path.read_text().strip()
        except OSError:
            continue
        if limit.isdigit():
            total = min(total, int(limit))
    return total // _MEBIBYTE


def settings(*, memory: int, lz4: bool, fast_unsafe: bool) -> dict[str, str]:
    """Values for a small machine with the application beside the server; `memory` in MiB.

    `fast_unsafe` gives up durability: a crash of the machine may destroy the data.
    """
    values = {
        "shared_buffers": f"{max(64, min(256, memory // 8))}MB",
        "effective_cache_size": f"{max(128, memory // 2)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "huge_pages": "try",
        "max_connections": "200",
        "max_wal_size": "2GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "wal_compression": "lz4" if lz4 else "off",
        "random_page_cost": "1.1",
        "jit": "off",
        "shared_preload_libraries": "",
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_timezone": "UTC",
        "timezone": "UTC",
        "datestyle": "iso, mdy",
        "lc_messages": "C",
        "lc_monetary": "C",
        "lc_numeric": "C",
        "lc_time": "C",
        "default_text_search_config": "pg_catalog.simple",
        "unix_socket_permissions": "0700",
    }
    if fast_unsafe:
        values |= {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "400",
            "checkpoint_timeout": "1h",
            "wal_level": "minimal",
            "max_wal_senders": "0",
        }
    return values


def write(data_dir: Path, values: dict[str, str], owner: int) -> Path:
    """Write the settings file into the data folder, for `owner`; returns its path."""
    lines = ["# Written by Turnus at each start. Own settings: ALTER SYSTEM."]
    for name, value in values.items():
        quoted = value.replace("\\", "\\\\").replace("'", "''")
        lines.append(f"{name} = '{quoted}'")
    path, draft = data_dir / FILE, data_dir / f"{FILE}.new"
    draft.unlink(missing_ok=True)
    # Made new and renamed, never opened: the folder may be another user's, who could have put a link here.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        target.write("\n".join(lines) + "\n")
        if owner != os.geteuid():
            os.fchown(target.fileno(), owner, -1)
    draft.rename(path)
    return path
