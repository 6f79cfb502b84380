"""Sizes that follow the machine, and the map of a user namespace."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnus.platform.db.embedded import settings
from turnus.platform.db.embedded.launch import id_map


@pytest.mark.parametrize(
    ("memory", "buffers"),
    [(256, "64MB"), (1024, "128MB"), (2048, "256MB"), (65536, "256MB")],  # an eighth, within 64 and 256
)
def test_shared_buffers_are_an_eighth_of_the_memory_within_bounds(memory: int, buffers: str) -> None:
    assert settings.settings(memory=memory, lz4=True, fast_unsafe=False)["shared_buffers"] == buffers


def test_memory_is_known() -> None:
    assert 100 < settings.memory_mib() < 100_000_000


def test_only_the_test_server_gives_up_durability() -> None:
    for unsafe, expected in ((False, "on"), (True, "off")):
        values = settings.settings(memory=4096, lz4=True, fast_unsafe=unsafe)
        assert {values.get(name, "on") for name in ("fsync", "full_page_writes", "synchronous_commit")} == {expected}


def test_values_are_quoted(tmp_path: Path) -> None:
    owner = tmp_path.stat().st_uid
    file = settings.write(tmp_path, {"cluster_name": "it's a \\ name"}, owner)
    assert file.read_text().splitlines()[1:] == ["cluster_name = 'it''s a \\\\ name'"]
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("extents", "expected"),
    [
        # the whole machine: 0 and 65534 change places
        ([(0, 4294967295)], [(65534, 0, 1), (1, 1, 65533), (0, 65534, 1), (65535, 65535, 4294901760)]),
        # a container that knows root only
        ([(0, 1)], [(65534, 0, 1)]),
        # a rootless container: two ranges, 65534 in the second
        ([(0, 1), (1, 65536)], [(65534, 0, 1), (1, 1, 65533), (0, 65534, 1), (65535, 65535, 2)]),
        # one that ends before
        ([(0, 1000)], [(65534, 0, 1), (1, 1, 999)]),
    ],
)
def test_root_and_the_server_user_change_places(
    extents: list[tuple[int, int]], expected: list[tuple[int, int, int]]
) -> None:
    assert id_map(extents, 65534) == expected
