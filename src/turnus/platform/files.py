"""The file store: a local folder by default; S3, GCS or Azure by URL (obstore)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from obstore.exceptions import NotFoundError
from obstore.store import ObjectStore, from_url


class FileMissing(Exception):
    """There is no file of that name."""


class FileStore:
    """Files by name. Names are made by us (`<tenant>/<folder>/<id>.<extension>`), never by callers."""

    def __init__(self, url: str) -> None:
        """`url`: a path, `file:///…`, `s3://bucket/prefix`, `gs://…`, `az://…`."""
        if "://" not in url:
            url = Path(url).absolute().as_uri()
        if url.startswith("file://"):
            Path(unquote(urlsplit(url).path)).mkdir(parents=True, exist_ok=True)
        self.url = url
        self._store: ObjectStore = from_url(url)

    async def put(self, name: str, content: bytes) -> None:
        """Store a file under a new name."""
        await self._store.put_async(name, content)

    async def get(self, name: str) -> bytes:
        """The content of a file; raises FileMissing."""
        try:
            found = await self._store.get_async(name)
            return bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError):
            raise FileMissing(name) from None

    async def delete(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""
        try:
            await self._store.delete_async(name)
        except (NotFoundError, FileNotFoundError):
            return
