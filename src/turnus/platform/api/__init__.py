"""The HTTP edge: operations, the transaction around each, OpenAPI, and the ASGI application."""

from turnus.platform.api.operation import Answer, delete, get, patch, post, put, router

__all__ = ["Answer", "delete", "get", "patch", "post", "put", "router"]
