"""What work can reach beside the database: field encryption, stored files, the outside world."""

from __future__ import annotations

from dataclasses import dataclass

from turnus.platform.crypto import FieldCipher
from turnus.platform.files import FileStore
from turnus.platform.http import OutboundClient


@dataclass(frozen=True, slots=True)
class Services:
    """The services of an installation."""

    cipher: FieldCipher
    files: FileStore
    outbound: OutboundClient
