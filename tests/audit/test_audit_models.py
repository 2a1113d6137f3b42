"""Folders of models, generators and datasets with each of their files missing, cut, of another kind, or another's."""

import json
import os
import shutil
from functools import cache
from pathlib import Path

import pytest
from place import audit

import tasteprint

WEIGHTS = Path(tasteprint.__file__).parent / "weights"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


def replaced(data):
    def harm(path):
        whole = path.read_bytes()
        path.unlink()  # of a hard link, which must not be written
        path.write_bytes(data(whole) if callable(data) else data)

    return harm


def folder(path):
    path.unlink()
    path.mkdir()


def link(target):
    def harm(path):
        path.unlink()
        path.symlink_to(target)

    return harm


def fifo(path):
    path.unlink()
    os.mkfifo(path)


HARMS = {
    "missing": Path.unlink, "empty": replaced(b""), "cut": replaced(lambda data: data[: len(data) // 2]),
    "short": replaced(lambda data: data[:-1]), "lfs": replaced(LFS), "folder": folder, "dangling": link("nowhere"),
    "fifo": fifo, "longer": replaced(lambda data: data + b"\0"), "random": replaced(bytes(range(256)) * 8),
}  # fmt: skip
JSON_HARMS = {
    "null": replaced(b"null"), "list": replaced(b"[]"), "text": replaced(b'"a"'), "number": replaced(b"1e999"),
    "object": replaced(b"{}"), "deep": replaced(b"[" * 100_000), "nulls": replaced(
        lambda data: json.dumps(dict.fromkeys(json.loads(data))).encode()),
    "lists": replaced(lambda data: json.dumps({key: [] for key in json.loads(data)}).encode()),
    "texts": replaced(lambda data: json.dumps(dict.fromkeys(json.loads(data), "x")).encode()),
    "huge": replaced(lambda data: json.dumps({key: 10**9 if isinstance(one, int) else one
                                              for key, one in json.loads(data).items()}).encode()),
}  # fmt: skip
TENSOR_HARMS = {
    "header": replaced(b"\xff" * 8 + b"{}"), "no-tensors": replaced((2).to_bytes(8, "little") + b"{}"),
    "flipped": replaced(lambda data: data[:-100] + bytes([data[-100] ^ 64]) + data[-99:]),
}  # fmt: skip

LISTED = ("missing", "short", "fifo", "folder")
"""What is tried with the list of checksums too, which notices all the others in the same way."""

FLIPPED = TENSOR_HARMS["flipped"]
"""Another weight, of which without checksums nobody knows either."""

BELIEVED = ("scheduler/scheduler_config.json", "model_index.json", "text_encoder/config.json",
            "tokenizer/tokenizer_config.json")  # fmt: skip
"""Files of settings with defaults: of a folder without checksums nobody knows that they said something else."""

COMMANDS = {
    "mini": ("score", "{picture}", "--model", "{work}/model", "--history", "{votes}", "--json"),
    "mini-posterior": ("score", "{picture}", "--model", "{work}/model", "--history", "{votes}", "--json"),
    "photos": ("rank", "{picture}", "--model", "{work}/model", "--history", "{votes}", "--json"),
    "mini-generator": ("generate", "--prompt", "a fish", "--out", "{work}/out", "--steps", "1", "--history",
                       "{votes}", "--generator", "{work}/model"),
}  # fmt: skip


def copied(source, target):
    shutil.copytree(source, target, copy_function=os.link)
    return target


def cases():
    for model in COMMANDS:
        for path in sorted((WEIGHTS / model).rglob("*")):
            name = path.relative_to(WEIGHTS / model).as_posix()
            if path.is_file() and path.suffix in (".json", ".safetensors"):
                harms = HARMS | (JSON_HARMS if path.suffix == ".json" else TENSOR_HARMS)
                for harm in harms:
                    if name == "checksums.json" or harm in LISTED:
                        yield pytest.param(model, name, harms[harm], True, id=f"{model}-{name}-{harm}-listed")
                    if name != "checksums.json":
                        yield pytest.param(model, name, harms[harm], False, id=f"{model}-{name}-{harm}")


@cache
def _whole(place, model):
    work = place.root.parent / f"whole-{model}"
    work.mkdir()
    copied(WEIGHTS / model, work / "model")
    return output_of(audit(place, work, COMMANDS[model], "done", ("out",)), work)


def output_of(done, work):
    if (work / "out/best.png").exists():
        return (work / "out/best.png").read_bytes()
    return done.stdout


@pytest.mark.parametrize(("model", "name", "harm", "listed"), list(cases()))
def test_a_damaged_model_is_refused_or_gives_the_same(place, tmp_path, model, name, harm, listed):
    expected = _whole(place, model)
    copied(WEIGHTS / model, tmp_path / "model")
    harm(tmp_path / "model" / name)
    if not listed:
        (tmp_path / "model/checksums.json").unlink()
    done = audit(place, tmp_path, COMMANDS[model], "either", ("out",))
    if done.returncode == 0 and (listed or not (name in BELIEVED or harm is FLIPPED)):
        assert output_of(done, tmp_path) == expected, "another result, and not a word"


KINDS = {
    "mini": WEIGHTS / "mini",
    "posterior": WEIGHTS / "mini-posterior",
    "generator": WEIGHTS / "mini-generator",
}


@pytest.mark.parametrize("command", ["mini", "mini-generator", "photos"])
@pytest.mark.parametrize("kind", [*KINDS, "data"])
def test_a_folder_of_another_kind(place, tmp_path, command, kind):
    right = {"mini": ("mini", "posterior"), "mini-generator": ("generator",), "photos": ("mini", "posterior")}
    (tmp_path / "model").symlink_to(KINDS.get(kind, place.dataset.folder))
    expected = "done" if kind in right[command] else "refused"
    audit(place, tmp_path, COMMANDS[command], expected, ("out",))


def data_files(place):
    return sorted(path.name for path in place.dataset.folder.iterdir() if path.is_file())


@pytest.mark.parametrize("harm", [*HARMS, *JSON_HARMS])
@pytest.mark.parametrize("number", range(6))
def test_a_damaged_dataset_is_refused_or_gives_the_same(place, tmp_path, number, harm):
    names = data_files(place)
    if number >= len(names) or (harm in JSON_HARMS and not names[number].endswith(".json")):
        pytest.skip("there is no such file")
    shutil.copytree(
        place.dataset.folder,
        tmp_path / "data",
        copy_function=os.link,
        ignore=shutil.ignore_patterns("features"),
    )
    (HARMS | JSON_HARMS)[harm](tmp_path / "data" / names[number])
    command = ("evaluate", "--model", "mini-posterior", "--json", "--data")
    done = audit(place, tmp_path, (*command, "{work}/data"), "either")
    if done.returncode == 0:
        assert done.stdout == _evaluated(place), "another result, and not a word"


@cache
def _evaluated(place):
    work = place.root.parent / "evaluated"
    work.mkdir()
    shutil.copytree(place.dataset.folder, work / "data")
    command = ("evaluate", "--model", "mini-posterior", "--json", "--data", "{work}/data")
    return audit(place, work, command, "done").stdout
