"""The Python of README.md and docs/getting-started.md runs as it stands, and its links lead somewhere."""

import random
import re
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PICTURES = ("a", "b", "liked", "disliked")


def python_of(document):
    """All Python blocks of a document, as one program: a later block goes on from an earlier one."""
    return "\n".join(
        re.findall(r"^```python\n(.*?)^```", document.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    )


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """The pictures that the documents name, each of its own colours, in the working directory."""
    draw = random.Random(0)
    for name in PICTURES:
        small = Image.frombytes("RGB", (8, 8), draw.randbytes(8 * 8 * 3))
        small.resize((48, 48)).save(tmp_path / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TASTEPRINT_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("document", ["README.md", "docs/getting-started.md"])
def test_python_of_the_documents_runs(document, pictures, capsys):
    program = python_of(ROOT / document)
    assert program, "the document has Python"
    names = {}
    exec(compile(program, document, "exec"), names)
    assert capsys.readouterr().out
    assert Path("me.safetensors").is_file()
    chance = float(names["taste"].prefers([names["a"]], [names["b"]], ["a fish"])[0])
    assert 0 < chance < 1


def test_readme_is_short():
    assert 650 <= len((ROOT / "README.md").read_text("utf-8").split()) <= 1000


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_outside_the_site_lead_somewhere(document):
    """`make docs` checks the pages of docs/; these are not among them."""
    links = re.findall(r"\]\((?!https?://)([^)#]+)", (ROOT / document).read_text("utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


FILE = re.compile(r"`((?:[a-z_]+/)*[a-z_]+\.(?:py|toml))`")


@pytest.mark.parametrize("file", sorted(set(FILE.findall((ROOT / "docs" / "map.md").read_text("utf-8")))))
def test_the_map_names_files_that_are_there(file):
    assert (ROOT / "src" / "tasteprint" / file).is_file()


def test_the_page_of_photo_libraries_has_a_command_for_each_kind():
    from tasteprint.likes.kinds import KINDS

    page = (ROOT / "docs" / "likes.md").read_text("utf-8")
    assert set(re.findall(r"^\|.*`tasteprint rank .* --stars ([a-z0-9-]+):", page, re.MULTILINE)) == set(
        KINDS
    )
