"""Where a number comes from: said as far as it is known, and never the end of a result."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasteprint import __version__, provenance

PACKAGE = Path(provenance.__file__).parent
ASK = "from tasteprint import provenance as p; print(p.__file__, p.commit(), p.code_digest(), p.version(), sep='|')"


def git(folder, *command):
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "-C", str(folder), *who, *command], check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository that has a copy of the package at src/, as a checkout has, with a commit."""
    root = tmp_path_factory.mktemp("other")
    for name in ("__init__.py", "provenance.py", "types.py", "checked.py"):
        (root / "src/tasteprint").mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / name, root / "src/tasteprint")
    (root / "pyproject.toml").write_text('[project]\nname = "another"\n')
    git(root, "init")
    git(root, "add", ".")
    git(root, "commit", "-m", "all")
    return root


def asked(root, **environment):
    """File, commit, build and version of the copy in a repository."""
    said = subprocess.run(
        [sys.executable, "-c", ASK], env={"PYTHONPATH": str(root / "src"), **environment}, capture_output=True,
        text=True, check=True, cwd=root,
    )  # fmt: skip
    file, *rest = said.stdout.strip().split("|")
    assert Path(file).is_relative_to(root)
    return rest


def test_only_a_checkout_of_this_project_has_a_commit(repository):
    path = os.environ["PATH"]
    commit, build, version = asked(repository, PATH=path)
    assert (commit, version) == ("unknown", __version__)
    assert len(build) == 12 and int(build, 16) >= 0
    (repository / "pyproject.toml").write_text('[project]\nname = "tasteprint"\n')
    head = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    )
    assert asked(repository, PATH=path)[0] == f"{head.stdout.strip()}+"  # a file differs
    assert asked(repository, PATH=path, GIT_DIR="/nowhere")[0] == f"{head.stdout.strip()}+"
    assert asked(repository, PATH="/nowhere")[:2] == ["unknown", build]  # without git


def test_the_build_names_the_code(repository):
    before = provenance.code_digest()
    assert before == provenance.code_digest() != asked(repository, PATH="/nowhere")[1]


def test_a_missing_package_and_a_slow_git_are_said(monkeypatch):
    found = provenance.versions("torch", "no-such-package")
    assert found["tasteprint"] == __version__ and found["torch"] and found["no-such-package"] is None

    def slow(*_, **__):
        raise subprocess.TimeoutExpired("git", 10)

    monkeypatch.setattr(subprocess, "run", slow)
    assert provenance.commit() == "unknown"
