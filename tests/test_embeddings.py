"""Frozen image encoders: small random ones of every family through the loading code that published ones take."""

import copy
import json
import subprocess

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    CLIPConfig,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    SiglipConfig,
    SiglipModel,
)
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from logs import small_disk  # noqa: F401
from tasteprint.incontext.images import StoredTokens
from tasteprint.vision.encoder import BATCH, ImageEncoder
from tasteprint.vision.feature_store import FeatureStore
from tasteprint.vision.pixels import as_floats, prepared, twin

pytestmark = pytest.mark.numerical

SEES = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "image_size": 32, "patch_size": 8, "initializer_range": 0.1,
}  # fmt: skip
READS = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
WORDS = {**READS, "vocab_size": 64, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}

# The numbers of google/siglip2-base-patch16-224, openai/clip-vit-base-patch32 (the old form), facebook/dinov2-base and
# facebook/dinov3-vits16-pretrain-lvd1689m, smaller.
PREPARED = {
    "siglip": {
        "image_processor_type": "SiglipImageProcessor", "do_convert_rgb": None, "resample": 2,
        "size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
    },
    "clip": {
        "feature_extractor_type": "CLIPFeatureExtractor", "size": 32, "crop_size": 32, "resample": 3,
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
    },
    "dinov2": {
        "image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 37}, "resample": 3,
        "crop_size": {"height": 32, "width": 32}, "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    },
    "dinov3": {
        "image_processor_type": "DINOv3ViTImageProcessorFast", "do_center_crop": None, "crop_size": None,
        "size": {"height": 32, "width": 32}, "resample": 2, "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    },
}  # fmt: skip
FAMILIES = tuple(PREPARED)


def network(family):
    if family == "siglip":
        return SiglipModel(SiglipConfig(vision_config=SEES, text_config=WORDS))
    if family == "clip":
        # Its tower says 512, as CLIPVisionConfig does by itself; the whole says what the weights are.
        return CLIPModel(CLIPConfig(vision_config=SEES, text_config=WORDS, projection_dim=16))
    if family == "dinov2":
        return Dinov2Model(Dinov2Config(**SEES))
    return DINOv3ViTModel(DINOv3ViTConfig(**SEES))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder a family, as a Hub repository has them."""
    folders = {}
    for family in FAMILIES:
        torch.manual_seed(0)
        folders[family] = tmp_path_factory.mktemp(family)
        network(family).save_pretrained(folders[family])
        said = json.dumps({**PREPARED[family], "do_resize": True, "do_rescale": True, "do_normalize": True})
        (folders[family] / "preprocessor_config.json").write_text(said)
    return folders


@pytest.fixture(scope="module")
def frozen(model):
    """A frozen preference model of one's own: others train the shared one."""
    return model


@pytest.fixture(scope="module")
def encoders(published):
    return {family: ImageEncoder.from_pretrained(folder) for family, folder in published.items()}


def photograph(width, height, seed=0):
    """Smooth colour with hard edges, of any size."""
    draw = np.random.default_rng(seed)
    small = Image.fromarray(draw.integers(0, 256, (6, 5, 3), dtype=np.uint8))
    image = small.resize((width, height), Image.Resampling.BICUBIC)
    image.paste((255, 255, 255), (width // 3, height // 4, width // 2, height // 2))
    return image


@pytest.fixture(scope="module")
def pictures():
    """Pictures by name."""
    return {str(n): photograph(48, 48, n) for n in range(10)}


SHOWN = [photograph(*size, seed) for seed, size in enumerate([(64, 64), (300, 200), (20, 31), (41, 97)])]


@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_are_transformers_own(family, published, encoders):
    whole = AutoModel.from_pretrained(published[family]).eval()
    pixels = torch.cat([own_pixels(family, picture) for picture in SHOWN])
    with torch.no_grad():
        own = (
            whole.get_image_features(pixels).pooler_output
            if family in ("siglip", "clip")
            else whole(pixels).last_hidden_state[:, 0]
        )
    embedded = encoders[family].embed_pictures(SHOWN)
    assert embedded.shape == (4, encoders[family].width) == (4, 16 if family == "clip" else 32)
    assert embedded.dtype == torch.float32 and not embedded.requires_grad
    assert torch.allclose(embedded, own, atol=1e-5)
    assert embedded.std(0).mean() > 0.05  # it sees a difference


def own_pixels(family, picture):
    if family == "dinov3":  # transformers has it on torchvision: the same steps, written out
        floats = torch.nn.functional.interpolate(
            as_floats(picture), (32, 32), mode="bilinear", antialias=True
        )
        mean, std = (
            torch.tensor(PREPARED[family][key])[:, None, None] for key in ("image_mean", "image_std")
        )
        return (floats - mean) / std
    kind = {"siglip": SiglipImageProcessorPil, "clip": CLIPImageProcessorPil, "dinov2": BitImageProcessorPil}[
        family
    ]
    return kind(**PREPARED[family])(picture, return_tensors="pt")["pixel_values"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [(32, 32), (64, 64), (300, 200), (20, 31), (9, 7), (640, 40), (1, 1)])
def test_the_twin_is_the_processor_with_gradients(family, size, encoders):
    picture = photograph(*size)
    processor = encoders[family].twin.keywords["processor"]
    apart = (twin(as_floats(picture), processor) - encoders[family].prepare(picture)).abs()
    apart = apart * torch.tensor(processor.image_std)[:, None, None] * 255  # in bytes
    assert apart.max() < 1.2 and apart.mean() < 0.5


def test_small_pictures_are_laid_on_black():
    processor = CLIPImageProcessorPil(size={"shortest_edge": 8}, crop_size={"height": 13, "width": 10})
    for size in [(16, 16), (19, 24), (30, 12)]:
        picture = photograph(*size)
        apart = twin(as_floats(picture), processor) - prepared(picture, processor)
        assert (apart.abs() * 0.27 * 255).max() < 1.2


@pytest.mark.parametrize("family", [*FAMILIES, "mini"])
def test_gradients_are_those_of_finite_differences(family, encoders, frozen):
    encoder = frozen.image_encoder if family == "mini" else encoders[family]
    parts = encoder.parts
    size, near = (5e-3, 5e-3) if family == "mini" else (1e-4, 1e-4)  # Idefics2's norms compute in float32
    images = torch.cat([as_floats(photograph(45, 60)) * 0.8 + 0.1]).double().requires_grad_()
    slope = torch.linspace(-1, 1, encoder.width, dtype=torch.float64)

    def value(pixels):
        return (encoder.embed(pixels) @ slope).sum()

    for part in parts:
        part.double()
    try:
        value(images).backward()
        for place in [(0, 0, 30, 20), (0, 1, 17, 33), (0, 2, 41, 25)]:
            step = torch.zeros_like(images)
            step[place] = size
            with torch.no_grad():
                change = (value(images + step) - value(images - step)) / (2 * size)
            assert change.item() == pytest.approx(images.grad[place].item(), rel=near, abs=1e-9)
            assert change.abs() > 1e-7
    finally:
        for part in parts:
            part.float()


def test_white_has_gradients_too(encoders):
    images = torch.ones(1, 3, 61, 45, requires_grad=True)
    encoders["clip"].embed(images).square().sum().backward()
    assert (images.grad[..., 20:40, 15:30] != 0).float().mean() > 0.95


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_is_embedded_as_single_pictures_and_as_tensors(family, encoders):
    encoder = encoders[family]
    many = [photograph(40 + n % 3, 50, n) for n in range(BATCH + 3)]
    together = encoder.embed_pictures(iter(many))
    for n in (0, BATCH - 1, BATCH + 2):
        assert torch.allclose(together[n], encoder.embed_pictures([many[n]])[0], atol=1e-5)
    tensors = torch.cat([as_floats(picture) for picture in many[::3]])
    near = encoder.embed(tensors)
    assert near.dtype == torch.float32 and (near - together[::3]).abs().max() < 0.03 * together.std()
    assert torch.allclose(near[:2], encoder.embed(tensors[:2]), atol=1e-5)
    assert encoder.embed_pictures([]).shape == encoder.embed(tensors[:0]).shape == (0, encoder.width)


def test_pictures_of_any_mode_are_made_rgb(encoders):
    grey = photograph(40, 40).convert("L")
    seen = encoders["siglip"].embed_pictures(
        [grey, grey.convert("RGB"), grey.convert("P"), grey.convert("LA")]
    )
    assert torch.allclose(seen[:1], seen, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_fingerprint_names_weights_and_preparation(family, published, encoders, tmp_path):
    copied(published[family], tmp_path)
    same = ImageEncoder.from_pretrained(tmp_path)
    assert same.fingerprint == encoders[family].fingerprint and same.name == str(tmp_path)
    said = json.loads((tmp_path / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**said, "resample": 5 - said["resample"]}))
    assert ImageEncoder.from_pretrained(tmp_path).fingerprint != same.fingerprint
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    state = load_file(tmp_path / "model.safetensors")
    name = next(key for key in state if "patch_embed" in key and "text" not in key)
    save_file({**state, name: state[name] + 1e-3}, tmp_path / "model.safetensors", {"format": "pt"})
    assert ImageEncoder.from_pretrained(tmp_path).fingerprint != same.fingerprint


def copied(folder, to):
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())


def test_a_vision_tower_saved_alone_is_opened_too(published, encoders, tmp_path):
    copied(published["siglip"], tmp_path)
    AutoModel.from_pretrained(tmp_path).vision_model.save_pretrained(tmp_path)
    alone = ImageEncoder.from_pretrained(tmp_path).embed_pictures(SHOWN)
    assert torch.equal(alone, encoders["siglip"].embed_pictures(SHOWN))


def test_opening_says_nothing(published, recwarn, capfd):
    ImageEncoder.from_pretrained(published["siglip"])
    assert not recwarn.list and "UNEXPECTED" not in capfd.readouterr().err


def test_a_preference_model_lends_its_eye(frozen, pictures, tmp_path):
    shown = [pictures["1"], pictures["2"], photograph(70, 50)]
    encoder = frozen.image_encoder
    seen = encoder.embed_pictures(shown)
    assert encoder.name == "mini" and seen.shape == (3, encoder.width) == (3, 2 * 128)
    assert torch.allclose(
        seen, frozen.network.backbone.image_features(frozen.network.pixels(shown)).flatten(1), atol=1e-5
    )
    assert torch.allclose(encoder.embed(as_floats(shown[2])), seen[2:], atol=0.03)
    frozen.save_pretrained(tmp_path)
    opened = ImageEncoder.from_pretrained(tmp_path)
    assert opened.name == str(tmp_path) and opened.fingerprint == encoder.fingerprint
    assert torch.allclose(opened.embed_pictures(shown), seen, atol=1e-6)


def test_an_eye_that_trains_is_refused(model):
    with pytest.raises(ValueError, match=r"the vision part is training; .* call requires_grad_\(False\)"):
        part = copy.deepcopy(model.network).requires_grad_(True).vision_part
        ImageEncoder.of_vision_part(part, "mini")


def test_what_cannot_be_opened_is_one_sentence(published, tmp_path):
    with pytest.raises(
        ValueError, match=r"image encoder 'nobody/nothing' could not be opened .*; expected .* folder"
    ):
        ImageEncoder.from_pretrained("nobody/nothing")
    with pytest.raises(ValueError, match="could not be opened"):
        ImageEncoder.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(
        ValueError, match="is of the family 'bert'; expected a tasteprint model, or one of siglip"
    ):
        ImageEncoder.from_pretrained(tmp_path)
    code = {"model_type": "own", "auto_map": {"AutoConfig": "code.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(code))
    (tmp_path / "code.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ValueError, match="could not be opened"):
        ImageEncoder.from_pretrained(tmp_path)


@pytest.mark.parametrize("harm", ["pickled", "torn", "a weight short", "of another shape", "unprepared"])
def test_weights_that_are_not_whole_are_refused(harm, published, tmp_path):
    copied(published["dinov2"], tmp_path)
    weights = tmp_path / "model.safetensors"
    state = load_file(weights)
    if harm == "pickled":
        torch.save(state, tmp_path / "pytorch_model.bin")
        weights.unlink()
    elif harm == "torn":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif harm == "unprepared":
        (tmp_path / "preprocessor_config.json").unlink()
    else:
        name = "layernorm.weight"
        changed = {name: torch.ones(7)} if harm == "of another shape" else {}
        rest = {key: value for key, value in state.items() if key != name}
        save_file({**rest, **changed}, weights, {"format": "pt"})
    with pytest.raises(ValueError, match=r"could not be read .* expected whole weights in safetensors"):
        ImageEncoder.from_pretrained(tmp_path)


def test_a_preparation_without_a_twin_is_refused(published, tmp_path):
    copied(published["dinov2"], tmp_path)
    said = {**PREPARED["dinov2"], "resample": 1}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    with pytest.raises(
        ValueError, match="prepares pictures by a BitImageProcessorPil; expected a bilinear or bicubic"
    ):
        ImageEncoder.from_pretrained(tmp_path)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_that_is_a_line_is_refused(family, encoders):
    with pytest.raises(
        ValueError, match="an image is 300 x 1 pixels; expected at least 1 a side, and one side at most"
    ):
        encoders[family].embed_pictures([Image.new("RGB", (300, 1))])
    with pytest.raises(ValueError, match="an image is 1 x 300 pixels"):
        encoders[family].embed(torch.zeros(1, 3, 300, 1))
    with pytest.raises(ValueError, match="images have the shape"):
        encoders[family].embed(torch.zeros(1, 3, 5, 0))


# The store of embeddings; that of visual tokens is tested with the preference model.


def test_embeddings_are_stored_once_a_name(encoders, pictures, tmp_path):
    opened = []

    def open_image(name):
        opened.append(name)
        return pictures[name]

    store = FeatureStore(tmp_path, encoders["clip"], open_image)
    rows = store.rows(["1", "2", "1"])
    assert rows.shape == (3, 16) and rows.dtype == np.float32 and opened == ["1", "2"]
    fresh = encoders["clip"].embed_pictures([pictures["1"], pictures["2"]])
    assert np.allclose(rows[:2], fresh, atol=1e-6) and (rows[0] == rows[2]).all()
    again = FeatureStore(tmp_path, encoders["clip"], pictures.__getitem__)
    assert len(again) == 2 and (again.rows(["2", "1"]) == rows[1::-1][:2]).all()
    assert again.rows([]).shape == (0, 16)


def test_encoders_do_not_mix(encoders, pictures, tmp_path):
    FeatureStore(tmp_path, encoders["siglip"], pictures.__getitem__).fill(["1"])
    assert len(FeatureStore(tmp_path, encoders["dinov2"], pictures.__getitem__)) == 0


def test_visual_tokens_and_their_flat_rows_are_one_store(frozen, pictures, tmp_path):
    flat = FeatureStore(tmp_path, frozen.image_encoder, pictures.__getitem__)
    tokens = StoredTokens(flat, 128)(["3", "4"])
    assert len(flat) == 2 and tokens["image_features"].shape == (2, 2, 128)
    assert (flat.rows(["3", "4"]) == tokens["image_features"].flatten(1).numpy()).all()


def test_two_writers_share_a_store(encoders, pictures, tmp_path):
    one, two = (FeatureStore(tmp_path, encoders["clip"], pictures.__getitem__) for _ in range(2))
    one.fill(["1", "2"])
    two.fill(["3", "2"])
    one.fill(["4"])
    expected = encoders["clip"].embed_pictures([pictures[name] for name in "1234"])
    assert len(one) == 4
    for store in (one, two, FeatureStore(tmp_path, encoders["clip"], pictures.__getitem__)):
        assert np.allclose(store.rows(list("1234")), expected, atol=1e-6)


def test_names_may_hold_anything(encoders, pictures, tmp_path):
    names = [
        "a\nb",
        "a\u2028b",
        '"',
        "\udcff",
        "",
    ]  # the fourth is how Python reads a file name that is not UTF-8
    known = dict(zip(names, pictures.values(), strict=False))
    rows = FeatureStore(tmp_path, encoders["clip"], known.__getitem__).rows(names)
    again = FeatureStore(tmp_path, encoders["clip"], known.__getitem__)
    assert len(again) == 5 and (again.rows(names) == rows).all()


@pytest.mark.parametrize("left", ["rows without names", "half a name"])
def test_what_a_killed_writer_left_is_cut_off(left, encoders, pictures, tmp_path):
    store = FeatureStore(tmp_path, encoders["clip"], pictures.__getitem__)
    before = store.rows(["1", "2"])
    (rows,), (names,) = tmp_path.glob("*.f32"), tmp_path.glob("*.names")
    rows.write_bytes(rows.read_bytes() + b"\0" * 100)
    if left == "half a name":
        names.write_text(names.read_text() + '"3')
    store.fill(["4"])  # the writer that was there all along
    for reader in (store, FeatureStore(tmp_path, encoders["clip"], pictures.__getitem__)):
        assert len(reader) == 3 and (reader.rows(["1", "2"]) == before).all()
        fresh = encoders["clip"].embed_pictures([pictures["4"]])
        assert np.allclose(reader.rows(["4"]), fresh, atol=1e-6)


def test_an_image_that_cannot_be_opened_is_named_and_nothing_is_written(encoders, pictures, tmp_path):
    def open_image(name):
        if name == "gone":
            raise FileNotFoundError("no such file")
        return pictures[name]

    store = FeatureStore(tmp_path, encoders["clip"], open_image)
    with pytest.raises(ValueError, match=r"image 'gone' could not be opened .*no such file"):
        store.rows(["1", "gone"])
    with pytest.raises(ValueError, match=r"image 'no' could not be opened .*KeyError"):
        store.rows(["2", "no"])
    assert len(store) == 0 and all(path.stat().st_size == 0 for path in tmp_path.iterdir())
    assert store.rows(["1"]).shape == (1, 16)


def test_embeddings_that_are_not_finite_are_refused(published, pictures, tmp_path):
    encoder = ImageEncoder.from_pretrained(published["dinov2"])
    seen = encoder.features
    dark = torch.stack([as_floats(pictures[name]).mean() for name in "123"]).argmin()

    def blinded(pixels):
        rows = seen(pixels).clone()
        rows[pixels.mean((1, 2, 3)).argmin()] = float("nan")
        return rows

    object.__setattr__(encoder, "features", blinded)
    store = FeatureStore(tmp_path, encoder, pictures.__getitem__)
    with pytest.raises(
        ValueError, match=f"image '{'123'[dark]}' got an embedding with NaN or infinite values"
    ):
        store.fill(["1", "2", "3"])
    assert len(store) == 0


def test_features_are_read_and_used_where_nothing_can_be_written(small_disk, encoders, pictures):  # noqa: F811
    """On a disk that is really read-only: what is there is read, what is not is computed and kept in memory."""
    opened = []

    def open_image(name):
        opened.append(name)
        return pictures[name]

    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    expected = FeatureStore(small_disk / "a", encoders["clip"], open_image).rows(["1", "2"])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    opened.clear()
    store = FeatureStore(small_disk / "a", encoders["clip"], open_image)
    assert (store.rows(["2", "1"]) == expected[[1, 0]]).all() and not opened
    both = store.rows(["3", "1", "3"])
    assert opened == ["3"] and len(store) == 3
    assert (both[1] == expected[0]).all() and (both[0] == both[2]).all() and both[0].any()
    empty = FeatureStore(small_disk / "none" / "here", encoders["clip"], open_image)
    assert np.allclose(empty.rows(["1"]), expected[:1], atol=1e-5) and not (small_disk / "none").exists()


@pytest.mark.parametrize(
    "harm", [b'"1"\nnot JSON\n"3"\n', b'"1"\n"1"\n', b'"1"\n\xff\xfe\n', b'"1"\n5\n', b'"1"\n"2']
)
def test_names_that_are_damaged_are_computed_anew(tmp_path, encoders, pictures, harm):
    expected = FeatureStore(tmp_path, encoders["clip"], pictures.__getitem__).rows(["1", "2", "3"])
    next(tmp_path.glob("*.names")).write_bytes(harm)
    store = FeatureStore(tmp_path, encoders["clip"], pictures.__getitem__)
    assert len(store) == 1
    assert np.allclose(store.rows(["1", "2", "3"]), expected, atol=1e-5)
    again = FeatureStore(tmp_path, encoders["clip"], {}.__getitem__)
    assert (again.rows(["3", "2", "1"]) == store.rows(["3", "2", "1"])).all()
