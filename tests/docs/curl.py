"""The part of curl that the guides use, for machines without it: `-sS --fail-with-body -X -H -d -o URL`."""

from __future__ import annotations

import argparse
import sys
import urllib.error
import urllib.request
from pathlib import Path


def main() -> int:
    """Send one request; 22 for an answer of 400 or above, as curl does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-sS", action="store_true")
    parser.add_argument("--fail-with-body", action="store_true")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="body")
    parser.add_argument("-o", dest="output", type=Path)
    parser.add_argument("url")
    given = parser.parse_args()
    body = None if given.body is None else given.body.encode()
    request = urllib.request.Request(given.url, body, method=given.method or ("GET" if body is None else "POST"))
    for header in given.headers:
        name, _, value = header.partition(": ")
        request.add_header(name, value)
    # Ours is on this machine: no proxy of the surroundings.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            content = answer.read()
    except urllib.error.HTTPError as refusal:
        sys.stdout.buffer.write(refusal.read())
        return 22
    if given.output is None:
        sys.stdout.buffer.write(content)
    else:
        given.output.write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
