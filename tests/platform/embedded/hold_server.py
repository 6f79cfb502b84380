"""A process that uses the embedded server: takes it, says so in one JSON line, keeps it until its input ends."""

import json
import sys
from pathlib import Path

from turnus.platform.db.embedded import EmbeddedServerError, acquire

home, pg_bin = Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] else None
try:
    server = acquire(home, pg_bin=pg_bin)
except EmbeddedServerError as error:
    print(json.dumps({"error": str(error)}), flush=True)
    sys.exit(1)
with server:
    done = server.run_tool("psql", ["-XAtc", "select current_user"])
    print(json.dumps({"url": server.url, "user": done.stdout.decode().strip()}), flush=True)
    sys.stdin.read()
