"""What a package index and a type checker are given: the wheel as it is built."""

import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True,
        capture_output=True,
    )  # fmt: skip
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_types_are_in_the_package(wheel):
    assert "tasteprint/py.typed" in wheel.namelist()


def test_every_address_of_the_readme_is_absolute_and_names_a_file_that_is_here(wheel):
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(wheel.read(name))
    urls = dict(one.split(", ") for one in metadata.get_all("Project-URL"))
    assert {"Source", "Issues", "Documentation"} <= set(urls)
    readme = metadata.get_payload()
    addresses = re.findall(r"\]\(\s*([^)\s]+)", readme)
    assert len(addresses) > 5 and all(re.match(r"https?://|#", address) for address in addresses)
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", readme)
    raw = urls["Source"].replace("github.com", "raw.githubusercontent.com") + "/main/"
    assert pictures and all((ROOT / picture.removeprefix(raw)).is_file() for picture in pictures)
    ours = [address for address in addresses if address.startswith(urls["Source"] + "/blob/main/")]
    assert ours and all((ROOT / one.removeprefix(urls["Source"] + "/blob/main/")).is_file() for one in ours)
