"""The typst compiler, prepared once per thread: template and fonts in a private folder of this process.

typst takes the working directory as root and would follow a link out of it, so it gets a folder that only we write to.
It keeps what it has parsed and laid out, which makes every document after the first cheap.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
import weakref
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import typst

from turnus.documents.pdf.fonts import font_files
from turnus.documents.pdf.style import logo_suffix
from turnus.kernel.errors import Problem

_LARGE_BYTES = 400_000
_GENERATIONS = 11


class RenderingFailed(Problem):
    """typst refused the document; with our own template that means an unusable logo."""

    code, status = "rendering_failed", 422


class Press:
    """One compiler and its folder. Not for several threads at once."""

    def __init__(self) -> None:
        root = Path(tempfile.mkdtemp(prefix="turnus-press-"))
        # Goes with the press: when its thread ends, at the latest with the process.
        weakref.finalize(self, shutil.rmtree, root, ignore_errors=True)
        for source in files(__package__).joinpath("template").iterdir():
            if source.name.endswith(".typ"):
                (root / source.name).write_bytes(source.read_bytes())
        fonts = root / "fonts"
        fonts.mkdir()
        for font in font_files():
            shutil.copyfile(font, fonts / font.name)
        self._root = root
        (root / "blank.typ").write_bytes(b"")
        self._blank = typst.Compiler(input=str(root / "blank.typ"), root=str(root), ignore_system_fonts=True)
        self._compiler = typst.Compiler(
            input=str(root / "invoice.typ"),
            root=str(root),
            font_paths=[str(fonts)],
            ignore_system_fonts=True,
            package_path=str(root / "packages"),
            package_cache_path=str(root / "packages"),
        )

    def pdf(self, view: dict[str, Any], xml: bytes, day: date | None) -> bytes:
        """PDF/A-3b of a view; its time stamps are midnight of `day`. Without a day (a draft) it is plain PDF: nothing to keep.

        Raises:
            RenderingFailed: typst cannot make it.
        """
        stamp = datetime(day.year, day.month, day.day, tzinfo=UTC) if day else datetime(1970, 1, 1, tzinfo=UTC)
        standards: list[Any] = ["a-3b"] if day else ["1.7"]
        inputs = {"data": msgspec.json.encode(view).decode(), "xml": xml.decode()}
        try:
            made = self._compiler.compile(
                format="pdf", sys_inputs=inputs, pdf_standards=standards, timestamp=stamp, pdf_tags=True
            )
        except typst.TypstError as error:
            raise RenderingFailed(error.message) from error
        assert isinstance(made, bytes)
        if len(made) > _LARGE_BYTES:
            self._forget()
        return made

    def _forget(self) -> None:
        """Make typst drop what it remembers; it forgets what went unused for ten runs, so it is given ten empty ones.

        A document of a thousand positions leaves 150 MB behind, and a row of them would fill the machine.
        """
        for _run in range(_GENERATIONS):
            self._blank.compile(format="svg")

    def logo(self, logo: bytes) -> str | None:
        """Lay a logo into the folder, named by its content; its path for the template, None without a logo.

        Raises:
            RenderingFailed: neither SVG nor PNG nor JPEG.
        """
        if not logo:
            return None
        suffix = logo_suffix(logo)
        if not suffix:
            raise RenderingFailed("the logo is neither SVG nor PNG nor JPEG")
        name = f"{hashlib.sha256(logo).hexdigest()}.{suffix}"
        path = self._root / name
        if not path.exists():
            path.write_bytes(logo)
        return name


_local = threading.local()


def thread_press() -> Press:
    """The press of this thread."""
    made: Press | None = getattr(_local, "press", None)
    if made is None:
        made = _local.press = Press()
    return made
