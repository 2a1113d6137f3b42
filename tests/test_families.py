"""Image encoders of other families, an entry each: small random ones, saved and opened as published ones are."""

import json

import pytest
import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModel
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.levit.image_processing_pil_levit import LevitImageProcessorPil

from tasteprint.vision.encoder import ImageEncoder
from tasteprint.vision.families import FAMILIES
from tasteprint.vision.pixels import as_floats, has_twin, prepared
from tasteprint.vision.processors import convnext_steps, timm_steps
from test_embeddings import photograph

pytestmark = pytest.mark.numerical

SEES = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip
READS = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
WORDS = {**READS, "vocab_size": 64, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
BOTH = {"vision_config": SEES, "text_config": WORDS}
NARROWING = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
WINDOWS = {
    "image_size": 32, "patch_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4,
}  # fmt: skip
HIERA = {
    "image_size": [32, 32], "embed_dim": 16, "depths": [1, 1], "num_heads": [1, 2], "query_stride": [2, 2],
    "masked_unit_size": [2, 2], "masked_unit_attention": [True, False], "num_query_pool": 1,
}  # fmt: skip
FOCAL = {"image_size": 32, "embed_dim": 16, "depths": [1, 1], "hidden_sizes": [16, 32], "focal_levels": [1, 1],
         "focal_windows": [3, 3]}  # fmt: skip

SQUARE = {"size": {"height": 32, "width": 32}, "resample": 2}
CUT = {"size": {"shortest_edge": 37}, "crop_size": {"height": 32, "width": 32}, "resample": 3}
CONVNEXT = {"size": {"shortest_edge": 32}, "crop_pct": 0.875, "resample": 3}

PUBLISHED = {
    "metaclip_2": ("MetaClip2", {**BOTH, "projection_dim": 16}, "CLIP", CUT),
    "aimv2": ("Aimv2Vision", SEES, "CLIP", CUT),
    "dinov2_with_registers": ("Dinov2WithRegisters", SEES, "Bit", CUT),
    "dinov3_convnext": ("DINOv3ConvNext", {**NARROWING, "image_size": 32}, "DINOv3ViT", SQUARE),
    "vit": ("ViT", SEES, "ViT", SQUARE),
    "deit": ("DeiT", SEES, "DeiT", {**CUT, "size": {"height": 36, "width": 36}}),
    "vit_msn": ("ViTMSN", SEES, "ViT", SQUARE),
    "swin": ("Swin", WINDOWS, "ViT", SQUARE),
    "swinv2": ("Swinv2", WINDOWS, "ViT", SQUARE),
    "hiera": ("Hiera", HIERA, "Bit", CUT),
    "focalnet": ("FocalNet", FOCAL, "Bit", CUT),
    "convnext": ("ConvNext", NARROWING, "ConvNext", CONVNEXT),
    "convnextv2": ("ConvNextV2", NARROWING, "ConvNext", CONVNEXT),
    "resnet": ("ResNet", {**NARROWING, "embedding_size": 8}, "ConvNext", CONVNEXT),
    "regnet": ("RegNet", {**NARROWING, "embedding_size": 8, "groups_width": 8}, "ConvNext", CONVNEXT),
}
"""Each family's class, a small configuration, and its processor."""

SHOWN = [photograph(64, 64), photograph(300, 200, 1), photograph(41, 97, 2)]


@pytest.fixture(scope="module", params=PUBLISHED)
def opened(request, tmp_path_factory):
    """A family's name, its folder as a Hub repository has it, and the encoder opened from there."""
    family, folder = request.param, tmp_path_factory.mktemp(request.param)
    name, config, processor, said = PUBLISHED[family]
    torch.manual_seed(0)
    network = getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**config))
    for module in network.modules():  # untrained batch norms are not the mean that they stand for
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.fill_(0.5)
    network.save_pretrained(folder)
    said = {"image_processor_type": f"{processor}ImageProcessor", "image_mean": [0.5] * 3, "image_std": [0.25] * 3,
            "do_resize": True, "do_rescale": True, "do_normalize": True, **said}  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    return family, folder, ImageEncoder.from_pretrained(folder)


def own(family, whole, pixels):
    """What transformers itself calls the embedding."""
    if hasattr(whole, "get_image_features"):
        return whole.get_image_features(pixels).pooler_output
    if FAMILIES[family].output == "last_hidden_state":
        return whole(pixels).last_hidden_state[:, 0]
    return whole(pixels).pooler_output.flatten(1)


def test_every_family_is_tried():
    assert set(FAMILIES) == {*PUBLISHED, "siglip", "clip", "dinov2", "dinov3_vit", "timm_wrapper"}


def test_embeddings_are_transformers_own(opened):
    family, folder, encoder = opened
    whole = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        expected = own(family, whole, torch.cat([encoder.prepare(picture) for picture in SHOWN]))
    embedded = encoder.embed_pictures(SHOWN)
    assert embedded.shape == (3, encoder.width) == (3, 16 if family == "metaclip_2" else 32)
    torch.testing.assert_close(embedded, expected, atol=1e-5, rtol=1e-5)
    assert embedded.std(0).mean() > 1e-4  # it sees a difference


def test_the_twin_is_the_processor_and_gradients_reach_the_pixels(opened):
    _, _, encoder = opened
    for picture in SHOWN:
        apart = (encoder.twin(as_floats(picture)) - encoder.prepare(picture)).abs() * 0.25 * 255  # in bytes
        assert apart.max() < 1.2 and apart.mean() < 0.5
    images = as_floats(SHOWN[0]).requires_grad_()
    embedded = encoder.embed(images)
    near = encoder.embed_pictures(SHOWN[:1])
    assert (embedded - near).abs().max() < 0.05 * near.abs().max()
    embedded.square().sum().backward()
    assert images.grad.isfinite().all() and images.grad.abs().sum() > 0


@pytest.mark.parametrize(("side", "crop"), [(32, 0.875), (32, 0.95), (383, 0.9), (384, 0.875), (400, 1.0)])
def test_what_convnext_does_is_said_in_convnext_steps(side, crop):
    processor = ConvNextImageProcessorPil(size={"shortest_edge": side}, crop_pct=crop)
    for picture in SHOWN:
        theirs = processor(picture, return_tensors="pt")["pixel_values"]
        torch.testing.assert_close(prepared(picture, convnext_steps(processor)), theirs)


def test_a_processor_with_a_step_of_its_own_has_no_twin():
    assert not has_twin(ConvNextImageProcessorPil()) and has_twin(convnext_steps(ConvNextImageProcessorPil()))
    assert not has_twin(LevitImageProcessorPil())


# Models of timm: their file of settings as the Hub has it.
TIMM = {
    "architecture": "resnet18", "num_classes": 2, "num_features": 512, "label_names": ["a", "b"],
    "pretrained_cfg": {
        "input_size": [3, 64, 64], "interpolation": "bicubic", "crop_pct": 0.888, "crop_mode": "center",
        "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
    },
}  # fmt: skip


def test_what_timm_does_is_said_in_convnext_steps():
    said = {**TIMM["pretrained_cfg"], "crop_pct": 0.9}
    centre = timm_steps(said)
    assert centre.size.shortest_edge == 71 and centre.crop_size.height == 64 and centre.resample == 3
    assert list(centre.image_mean) == said["mean"] and list(centre.image_std) == said["std"]
    squash = timm_steps({**said, "crop_mode": "squash", "interpolation": "bilinear", "crop_pct": 1.0})
    assert (squash.size.height, squash.size.width, squash.resample) == (64, 64, 2)
    assert has_twin(centre) and has_twin(squash)
    for changed in ({"crop_mode": "border"}, {"interpolation": "lanczos"}, {"input_size": [3, 64, 32]}):
        assert not has_twin(timm_steps({**said, **changed}))


def timm_or_skip():
    try:
        import timm
    except (ImportError, RuntimeError):  # RuntimeError: a torchvision that does not fit torch
        pytest.skip("timm is not there")
    return timm


def test_a_model_of_timm_is_opened_by_name(tmp_path):
    timm = timm_or_skip()
    torch.manual_seed(0)
    network = timm.create_model("resnet18", num_classes=2).eval()
    save_file(network.state_dict(), tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_text(json.dumps(TIMM))
    encoder = ImageEncoder.from_pretrained(tmp_path)
    transform = timm.data.create_transform(**timm.data.resolve_data_config(TIMM["pretrained_cfg"]))
    pixels = torch.stack([transform(picture) for picture in SHOWN])
    torch.testing.assert_close(torch.cat([encoder.prepare(picture) for picture in SHOWN]), pixels)
    with torch.no_grad():
        expected = network.forward_head(network.forward_features(pixels), pre_logits=True)
    assert encoder.width == 512
    torch.testing.assert_close(encoder.embed_pictures(SHOWN), expected, atol=1e-5, rtol=1e-5)
    (tmp_path / "config.json").write_text(json.dumps({**TIMM, "model_args": {"checkpoint_path": "evil.pth"}}))
    with pytest.raises(ValueError, match="could not be read"):
        ImageEncoder.from_pretrained(tmp_path)


def test_a_model_of_timm_without_timm_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text(json.dumps(TIMM))

    def refuse(*_, **__):
        raise ImportError("TimmWrapperConfig requires the timm library\nbut it was not found")

    for place in ("AutoConfig.from_pretrained", "_tower"):  # without its labels, and with them
        with monkeypatch.context() as broken:
            broken.setattr(f"tasteprint.vision.families.{place}", refuse)
            with pytest.raises(
                ValueError, match=r"is a model of timm, .* pip install 'tasteprint\[timm\]'\.$"
            ):
                ImageEncoder.from_pretrained(tmp_path)
