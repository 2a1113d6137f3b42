"""The walls: imports flow one way, no circles, one name a thing, importing costs nothing; and the alarms ring."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "tasteprint"
GROUND = {
    "types", "checked", "config", "files", "locks", "hub", "foreign", "provenance", "checksums", "tensor_files",
    "bundled", "loading", "devices", "said", "reopening", "learned_range",
}  # fmt: skip
WAYS = {"vision", "incontext", "posterior"}
ALLOWED = {
    "types": set(),
    "checked": set(),
    "config": {"checked"},
    "files": set(),
    "locks": {"files"},
    "devices": {"loading"},
    "provenance": set(),
    "checksums": {"files"},
    "loading": set(),
    "learned_range": {"checked", "types"},
    "said": {"files", "types"},
    "tensor_files": {"checksums", "files", "loading"},
    "hub": {"checksums", "files", "loading"},
    "foreign": {"hub"},
    "bundled": {"checksums", "files", "hub"},
    "reopening": {"hub"},
    "data": GROUND,
    "vision": GROUND | {"data"},
    "simulate": GROUND | {"data"},
    "incontext": GROUND | {"data", "vision"},
    "posterior": GROUND | {"data", "vision"},
    "scorers": GROUND | {"data", "vision", "incontext"},
    "methods": GROUND,  # it names the ways' classes as text, and loads them when asked
    "library": GROUND | {"data", "vision", "methods"},  # writers of pages it names as text
    "likes": GROUND | {"data", "library"},
    "train": GROUND | WAYS | {"data"},
    "evaluate": GROUND | WAYS | {"data", "methods"},
    "guide": GROUND | {"data", "vision"},
    "report": GROUND | WAYS | {"data", "evaluate", "guide", "library", "methods"},
    "cli": GROUND
    | WAYS
    | {"data", "simulate", "scorers", "methods", "library", "likes", "train", "evaluate", "guide", "report"},
    "__main__": {"cli"},
    "": {"types", "data", "library", *WAYS},
}
"""Each room and what it may import; ties of types only count."""

FILES = sorted(SOURCE.rglob("*.py"))


def room_of(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def imported(text):
    """Every tasteprint module that a text imports, wherever it stands, those for types only included."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "relative imports hide where things are"
            if node.module == "tasteprint" or node.module.startswith("tasteprint."):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("tasteprint."))


def trespasses(room, text):
    rooms = {name.split(".")[1] for name in imported(text) if "__" not in name}
    return {other for other in rooms if other != room and other not in ALLOWED[room]}


def circles(sources):
    """Groups of modules that import each other, of module name to text."""
    arrows = {}
    for name, text in sources.items():
        found = {target if target in sources else target.rpartition(".")[0] for target in imported(text)}
        arrows[name] = (found & sources.keys()) - {name}
    reached = {name: _from(name, arrows) for name in arrows}
    return sorted({name for name in arrows if name in reached[name]})


def _from(start, arrows):
    seen, left = set(), list(arrows[start])
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left += arrows[name]
    return seen


def public_names(text):
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_flow_one_way(path):
    assert not trespasses(room_of(path), path.read_text("utf-8"))


def test_no_module_imports_its_way_back_to_itself():
    names = {
        ".".join(("tasteprint", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for path in FILES
    }
    assert not circles({name: path.read_text("utf-8") for name, path in names.items()})


def test_two_things_never_share_a_name():
    homes = defaultdict(list)
    for path in FILES:
        for name in public_names(path.read_text("utf-8")):
            homes[name].append(str(path.relative_to(SOURCE)))
    assert not {name: files for name, files in homes.items() if len(files) > 1}


def test_the_alarms_ring():
    assert trespasses("data", "from tasteprint.vision import encoder") == {"vision"}
    assert trespasses("posterior", "if X:\n    from tasteprint.incontext.model import InContextModel") == {
        "incontext"
    }
    assert trespasses("data", "import tasteprint.cli.main") == {"cli"}
    one = "if TYPE_CHECKING:\n    from tasteprint.b import B"
    assert circles({"tasteprint.a": one, "tasteprint.b": "from tasteprint.a import A"}) == [
        "tasteprint.a",
        "tasteprint.b",
    ]
    assert circles({"tasteprint.a": one, "tasteprint.b": ""}) == []
    assert list(public_names("def f(): ...\nclass C: ...\ndef _g(): ...")) == ["f", "C"]


def test_every_module_has_a_sign_on_its_door():
    for path in SOURCE.rglob("*.py"):
        if path.name != "__init__.py":
            sign = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            assert "Enters:" in sign and "Leaves:" in sign and "Does not know:" in " ".join(sign.split()), (
                path
            )


def test_importing_loads_no_torch():
    code = (
        "import sys, tasteprint.cli.main; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_unknown_names_are_attribute_errors():
    import tasteprint

    assert set(tasteprint.__all__) <= set(dir(tasteprint))
    assert all(getattr(tasteprint, name).__name__ == name for name in tasteprint.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        tasteprint.nothing  # noqa: B018
