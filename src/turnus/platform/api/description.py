"""`GET /openapi.json` and `GET /docs`: the interface described for machines and for people."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from turnus import __version__
from turnus.kernel.wire import encode
from turnus.platform.api import docs_page
from turnus.platform.api.openapi import document
from turnus.platform.api.operation import Operation
from turnus.platform.problems import locale_of


def description_handlers(operations: Sequence[Operation], server_url: str) -> Sequence[HTTPRouteHandler]:
    """Both routes. Nothing is made before it is asked for, and then in a thread: the description is large."""
    made: dict[str, bytes] = {}

    def described() -> bytes:
        if "json" not in made:
            made["json"] = encode(document(operations, version=__version__, server_url=server_url))
        return made["json"]

    def page(locale: str) -> bytes:
        return docs_page.page(document(operations, version=__version__, server_url=server_url), locale).encode()

    @get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response[bytes]:
        return Response(await asyncio.to_thread(described), media_type="application/json")

    @get("/docs", include_in_schema=False)
    async def docs(request: Request[Any, Any, Any]) -> Response[bytes]:
        content = await asyncio.to_thread(page, locale_of(request.headers.get("accept-language")))
        headers = {"Content-Security-Policy": docs_page.content_security_policy(), "Vary": "Accept-Language"}
        return Response(content, media_type="text/html", headers=headers)

    return [openapi, docs]
