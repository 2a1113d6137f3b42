"""The walls: imports flow one way, importing costs nothing, and the alarm rings."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "tasteprint"
ALLOWED = {
    "types": set(),
    "config": set(),
    "provenance": set(),
    "data": {"types", "config", "provenance"},
    "world": {"types", "config", "data"},
    "model": {"types", "config", "data"},
    # Scorers prepare pictures as our own encoders do: `pixels.twin` and `ImageEncoder` have one home, in `model`.
    "scorers": {"types", "model"},
    "taste": {"types", "config", "data", "model"},
    "train": {"types", "config", "provenance", "data", "world", "model", "taste"},
    "evaluate": {"types", "config", "provenance", "data", "world", "model", "taste"},
    "guide": {"types", "config", "data", "model"},
    "app": {"types", "config", "provenance", "data", "world", "model"}
    | {"scorers", "taste", "train", "evaluate", "guide"},
    "__main__": {"app"},
    "": {"types", "data", "model", "taste"},
}


def room_of(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def imported_rooms(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "relative imports hide where things are"
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names]
                if node.module == "tasteprint"
                else [node.module]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (
            name.split(".")[1] for name in names if name.startswith("tasteprint.") and "__" not in name
        )


def trespasses(room, text):
    return {other for other in imported_rooms(text) if other != room and other not in ALLOWED[room]}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_flow_one_way(path):
    assert not trespasses(room_of(path), path.read_text("utf-8"))


def test_the_alarm_rings():
    assert trespasses("evaluate", "from tasteprint.train.run import Run") == {"train"}
    assert trespasses("data", "def late():\n    import tasteprint.incontext.loss") == {"model"}
    assert trespasses("model", "from tasteprint import app") == {"app"}


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
