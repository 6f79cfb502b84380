"""The database server that comes along: started on first use, shared by all processes, stopped after the last one.

    with acquire(home) as server:
        psycopg.connect(server.url)

Standard library only. Three small programs take part: `launch.py` becomes the server, `watcher.py` waits until nobody
uses it any more and stops it, and this package is what every user process imports.
"""

from .errors import EmbeddedServerError
from .identity import Surroundings
from .server import EmbeddedServer, acquire

__all__ = ["EmbeddedServer", "EmbeddedServerError", "Surroundings", "acquire"]
