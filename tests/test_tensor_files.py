"""Whatever happens to a file that we wrote is noticed when it is read: bits, cuts, values that are no numbers."""

import zlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from tasteprint.checksums import CHECKSUMS, read_object, require_unchanged, write_checksums
from tasteprint.config import PosteriorConfig
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.prints import PosteriorPrint
from tasteprint.tensor_files import (
    SEAL,
    files_fingerprint,
    read_tensors,
    require_fit,
    tensors_as_bytes,
    write_tensors,
)
from tasteprint.types import History, Rating, Vote

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(7, dtype=torch.int8), "c": torch.zeros(0, 3)}
ABOUT = {"said": '{"checksum":"00000000", "name": "é\\u001f"}'}
WHOLE = tensors_as_bytes("these", TENSORS, ABOUT)


@pytest.fixture(scope="module")
def posterior():
    rows = torch.randn(12, 184, generator=torch.Generator().manual_seed(0))
    return TastePosterior.alone(PosteriorConfig(encoder="statistics"), rows.numpy())


@pytest.fixture(scope="module")
def taste(posterior):
    rows = torch.randn(4, 184, generator=torch.Generator().manual_seed(1)).numpy()
    said = History(
        "me", (Vote("me", "", "1", "2", 1.0),), (Rating("me", "", "3", 4, 5), Rating("me", "", "4", 1, 5))
    )
    return posterior.prints_of([said], embeddings=lambda names: rows[: len(names)])[0]


def test_what_is_written_comes_back(tmp_path):
    write_tensors(tmp_path / "x", TENSORS, ABOUT)
    for source in (tmp_path / "x", WHOLE):
        about, tensors = read_tensors(source)
        assert about["said"] == ABOUT["said"] and len(about["checksum"]) == 8
        assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())


@given(st.integers(0, 8 * len(WHOLE) - 1))
def test_a_flipped_bit_is_noticed(place):
    harmed = bytearray(WHOLE)
    harmed[place // 8] ^= 1 << place % 8
    with pytest.raises(ValueError, match="expected"):
        about, _ = read_tensors(bytes(harmed))
        if SEAL not in about:  # its name was hit; who reads prints asks for it
            raise ValueError("expected a seal")


@given(st.integers(0, len(WHOLE) - 1))
def test_a_cut_is_noticed(length):
    with pytest.raises(ValueError, match="expected"):
        read_tensors(WHOLE[:length])


@given(st.data())
def test_a_print_notices_what_happened_to_it(posterior, taste, data):
    harmed = bytearray(taste.as_bytes())
    if data.draw(st.booleans(), "cut"):
        del harmed[data.draw(st.integers(0, len(harmed) - 1)) :]
    else:
        place = data.draw(st.integers(0, 8 * len(harmed) - 1))
        harmed[place // 8] ^= 1 << place % 8
    with pytest.raises(ValueError, match="expected"):
        PosteriorPrint.from_bytes(bytes(harmed), posterior)


@given(st.data())
def test_a_folder_notices_what_happened_to_it(posterior, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("kept")
    posterior.save_pretrained(folder)
    path = folder / data.draw(st.sampled_from(sorted(file.name for file in folder.iterdir())))
    harmed = bytearray(path.read_bytes())
    if data.draw(st.booleans(), "cut"):
        del harmed[data.draw(st.integers(0, len(harmed) - 2)) :]  # a newline at the end may go
    else:
        place = data.draw(st.integers(0, 8 * len(harmed) - 1))
        harmed[place // 8] ^= 1 << place % 8
    path.write_bytes(harmed)
    with pytest.raises(ValueError, match="expected"):
        TastePosterior.from_pretrained(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_what_is_no_number_is_neither_written_nor_read(tmp_path, value, kind):
    tensors = {"fine": torch.ones(2), "x": torch.tensor([1.0, value, 2.0]).to(kind)}
    with pytest.raises(ValueError, match="values in 'x' that are not finite"):
        write_tensors(tmp_path / "x", tensors)
    assert not (tmp_path / "x").exists()
    save_file(tensors, tmp_path / "x")
    with pytest.raises(ValueError, match="values in 'x' that are not finite"):
        read_tensors(tmp_path / "x")


def test_numbers_whose_sum_is_too_large_are_numbers(tmp_path):
    large = {"x": torch.full((4,), 3e38), "y": torch.full((2,), 1e300, dtype=torch.float64)}
    write_tensors(tmp_path / "x", large)
    assert torch.equal(read_tensors(tmp_path / "x")[1]["y"], large["y"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
        (b"", "could not be read"),
        (b"\x80\x04cos\nsystem\n", "could not be read"),
        (b"\xff" * 64, "could not be read"),
        (None, "could not be read .No such file"),
    ],
)
def test_what_is_no_safetensors_is_one_sentence(tmp_path, content, words):
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match=words) as fault:
        read_tensors(tmp_path / "x")
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "has no 'a' and 1 others"),
        ({"a": torch.zeros(2)}, "has no 'b'"),
        (
            {"a": torch.zeros(2), "b": torch.zeros(3), "c": torch.zeros(1)},
            "holds 'c', which the model has not",
        ),
        ({"a": torch.zeros(1, 2), "b": torch.zeros(3)}, r"'a' of shape \(1, 2\) in float32; expected \(2,\)"),
        ({"a": torch.zeros(2, dtype=torch.int32), "b": torch.zeros(3)}, "in int32; expected"),
    ],
)
def test_weights_that_do_not_fit(found, words):
    expected = {"a": torch.zeros(2), "b": torch.zeros(3)}
    require_fit("x", {"a": torch.ones(2).half(), "b": torch.ones(3)}, expected)  # another precision is fine
    with pytest.raises(ValueError, match=words):
        require_fit("x", found, expected)


def test_a_folder_is_known_by_its_files(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.json", "in/b.safetensors", "README.md"):
        (tmp_path / name).write_text("{}")
    write_checksums(tmp_path)
    listed = read_object(tmp_path / CHECKSUMS)
    assert listed == dict.fromkeys(("a.json", "in/b.safetensors"), f"{zlib.crc32(b'{}'):08x}")
    (tmp_path / "README.md").write_text("anything")
    require_unchanged(tmp_path)
    (tmp_path / "in/b.safetensors").write_text("{ }")
    with pytest.raises(ValueError, match=r"b\.safetensors is not as it was written"):
        require_unchanged(tmp_path)
    (tmp_path / "in/b.safetensors").unlink()
    with pytest.raises(ValueError, match="could not be read"):
        require_unchanged(tmp_path)
    (tmp_path / CHECKSUMS).write_text('{"../../etc/hostname": "00000000"}')
    with pytest.raises(ValueError, match="expected files of its folder"):
        require_unchanged(tmp_path)


@pytest.mark.parametrize("text", ["[1]", "null", "3", "{", "", "\xff", "[" * 100_000])
def test_json_of_another_kind_is_one_sentence(tmp_path, text):
    (tmp_path / "x.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"could not be read; expected JSON|expected an object"):
        read_object(tmp_path / "x.json")


def test_a_fingerprint_is_of_the_weights_and_not_of_their_form(tmp_path):
    weights = {"a": torch.randn(200), "b": torch.randn(3, 5)}
    made = []
    for number, parts in enumerate(([weights], [{"a": weights["a"]}, {"b": weights["b"]}])):
        folder = tmp_path / str(number)
        folder.mkdir()
        for place, part in enumerate(parts):
            save_file(part, folder / f"model-{place}.safetensors")
        (folder / "config.json").write_text(f'{{"depth": 2, "transformers_version": "{number}"}}')
        made.append(files_fingerprint(folder))
    assert made[0] == made[1]
    (folder / "config.json").write_text('{"depth": 3}')
    assert files_fingerprint(folder) != made[0]
    (folder / "config.json").write_text('{"depth": 2}')
    save_file({"b": weights["b"] + 1}, folder / "model-1.safetensors")
    assert files_fingerprint(folder) != made[0]
