"""The audit's place, and its choice: a share of the cases in every run, all of them with `-m audit`."""

import zlib

import pytest

SHARE = 40
"""One case of so many is in every run."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark the audit's cases, and without `-m audit` keep a share of them that depends on their names alone."""
    ours = [item for item in items if "/audit/" in item.path.as_posix()]
    for item in ours:
        item.add_marker(pytest.mark.audit)
    if "audit" in config.option.markexpr or (
        config.option.file_or_dir and "::" in config.option.file_or_dir[0]
    ):
        return
    left = [item for item in ours if zlib.crc32(ascii(item.name).encode()) % SHARE and "[" in item.name]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in set(left)]


@pytest.fixture(scope="session")
def place(tmp_path_factory, pictures):
    """What commands are given; do not write to it."""
    from place import Place

    return Place(tmp_path_factory.mktemp("audit") / "place", pictures)
