"""The HTTP edge: operations, the transaction around each, OpenAPI, and the ASGI application."""

from turnus.platform.api.operation import ANY_TOKEN, Afterwards, Answer, delete, get, patch, post, put, router

__all__ = ["ANY_TOKEN", "Afterwards", "Answer", "delete", "get", "patch", "post", "put", "router"]
