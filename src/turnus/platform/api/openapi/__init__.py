"""The interface description (OpenAPI 3.1), generated from the declared operations."""

from turnus.platform.api.openapi.document import document

__all__ = ["document"]
