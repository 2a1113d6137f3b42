"""Every family of generators, small and random, through the call that opens the published ones."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import pipelines
from tasteprint.guide.generators import GENERATORS, Entry, entry_of, open_generator
from tasteprint.types import Generator

pytestmark = [
    pytest.mark.numerical,
    pytest.mark.filterwarnings("ignore:__array__ implementation"),  # diffusers' Euler on torch's tensors
]

NAMES = list(GENERATORS)
MAKES = {
    "mini-generator": pipelines.mini, "sd-turbo": pipelines.turbo, "sdxl-turbo": pipelines.sdxl,
    "pixart-dmd": pipelines.pixart, "hyper-sd": pipelines.sdxl, "flux-schnell": pipelines.flux,
}  # fmt: skip
PROMPT = "a fish, Neon palette"


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    """The entries, each with its repositories replaced by folders; nothing else of it changes."""
    root = tmp_path_factory.mktemp("generators")
    made = {make: pipelines.save(make, root / make.__name__) for make in set(MAKES.values())}
    entries = {
        name: replace(GENERATORS[name], repository=made[make], variant=None) for name, make in MAKES.items()
    }
    entries["pixart-dmd"] = replace(entries["pixart-dmd"], weights=pipelines.save_dmd(root / "dmd"))
    pipelines.save_unet(pipelines.sdxl, root / "hyper" / entries["hyper-sd"].weights_file)
    entries["hyper-sd"] = replace(entries["hyper-sd"], weights=str(root / "hyper"))
    return entries


@pytest.fixture(scope="module")
def opened(entries):
    """Each generator, opened once."""
    with pytest.MonkeyPatch.context() as patch:
        for name, entry in entries.items():
            patch.setitem(GENERATORS, name, entry)
        return {name: open_generator(name, size=16) for name in NAMES}


def noise_for(generator, batch=1, seed=0):
    return torch.randn(batch, *generator.noise_shape(), generator=torch.Generator().manual_seed(seed))


def gradient(generator, noise):
    """The image's sum under fixed weights, and its gradient at the noise."""
    noise = noise.clone().requires_grad_()
    images = generator(noise, PROMPT)
    weights = torch.randn(images.shape, generator=torch.Generator().manual_seed(3))
    total = (images * weights).sum()
    (slope,) = torch.autograd.grad(total, noise)
    return total.detach(), slope


@pytest.mark.parametrize("name", NAMES)
def test_noise_and_a_prompt_give_an_image(opened, name):
    generator = opened[name]
    assert isinstance(generator, Generator) and generator.name == name and generator.size == 16
    noise = noise_for(generator, 2)
    images = generator(noise, PROMPT)
    assert images.shape == (2, 3, 16, 16) and images.dtype == torch.float32 and not images.requires_grad
    assert images.min() >= 0 and images.max() <= 1 and images.std() > 0
    assert torch.equal(images, generator(noise, PROMPT)) and not torch.equal(*images)
    torch.testing.assert_close(images[1:], generator(noise[1:], PROMPT))
    assert not torch.equal(images, generator(noise, "a house, Woodcut medium"))


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_the_slope(opened, name):
    generator = opened[name]
    noise, step = noise_for(generator), 2e-3
    way = noise_for(generator, seed=1)
    _, slope = gradient(generator, noise)
    ahead, behind = (gradient(generator, noise + sign * step * way)[0] for sign in (1, -1))
    torch.testing.assert_close((slope * way).sum(), (ahead - behind) / (2 * step), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_less_memory_changes_nothing(entries, opened, name):
    """Checkpointing, slicing and layers that are fetched one by one, against none of it."""
    spared = open_generator(entries[name], 16, checkpointing=True, slicing=True, offload=True, device="cpu")
    noise = noise_for(spared, 2)
    torch.testing.assert_close(spared(noise, PROMPT), opened[name](noise, PROMPT))
    assert kept_for_backward(spared, noise) < 0.7 * kept_for_backward(opened[name], noise)
    torch.testing.assert_close(gradient(spared, noise), gradient(opened[name], noise))


def kept_for_backward(generator, noise):
    """Numbers that the forward pass keeps until the backward pass."""
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda part: kept.append(part.numel()) or part, lambda part: part
    ):
        generator(noise.clone().requires_grad_(), PROMPT)
    return sum(kept)


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_runs(entries, opened, name):
    rough = open_generator(entries[name], 16, dtype=torch.bfloat16)
    noise = noise_for(rough)
    images = rough(noise, PROMPT)
    assert images.dtype == torch.float32 and (images - opened[name](noise, PROMPT)).abs().mean() < 0.02
    assert gradient(rough, noise)[1].isfinite().all()


def test_a_vae_that_overflows_stays_in_full_precision(entries, opened):
    rough = open_generator(entries["sdxl-turbo"], 16, dtype=torch.float16)
    noise = noise_for(rough)
    total, slope = gradient(rough, noise)
    exact_total, exact = gradient(opened["sdxl-turbo"], noise)
    assert (
        abs(total - exact_total) < 0.1 and torch.cosine_similarity(slope.flatten(), exact.flatten(), 0) > 0.99
    )


def twin(name, entry):
    """The pipeline as the model's card builds it, and what its call takes besides."""
    import diffusers

    if name == "pixart-dmd":
        pipe = diffusers.PixArtAlphaPipeline.from_pretrained(entry.repository, transformer=None)
        pipe.transformer = diffusers.Transformer2DModel.from_pretrained(
            entry.weights, subfolder="transformer"
        )
        pipe.scheduler = diffusers.DDPMScheduler.from_pretrained(entry.weights, subfolder="scheduler")
        return pipe, {"timesteps": [400], "use_resolution_binning": False, "clean_caption": False}
    pipe = diffusers.DiffusionPipeline.from_pretrained(entry.repository)
    if name == "hyper-sd":
        pipe.unet.load_state_dict(load_file(Path(entry.weights) / "Hyper-SDXL-1step-Unet.safetensors"))
        pipe.scheduler = diffusers.LCMScheduler.from_config(pipe.scheduler.config)
        return pipe, {"timesteps": [800]}
    if name == "sdxl-turbo":
        pipe.scheduler = diffusers.EulerAncestralDiscreteScheduler.from_config(
            pipe.scheduler.config, timestep_spacing="trailing"
        )
    return pipe, {"max_sequence_length": 256} if name == "flux-schnell" else {}


@pytest.mark.parametrize("name", NAMES)
def test_images_are_those_of_the_published_call(entries, opened, name):
    pipe, more = twin(name, entries[name])
    noise = noise_for(opened[name])
    latents = pipe._pack_latents(noise, *noise.shape) if name == "flux-schnell" else noise
    settings = {
        "num_inference_steps": 1,
        "guidance_scale": 0.0,
        "height": 16,
        "width": 16,
        "output_type": "pt",
    }
    published = pipe(PROMPT, latents=latents, **settings, **more).images
    torch.testing.assert_close(opened[name](noise, PROMPT), published)


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_is_encoded_once(entries, name):
    generator, runs = open_generator(entries[name], 16), []
    encoders = [part for key, part in generator._pipe.components.items() if key.startswith("text_encoder")]
    for encoder in encoders:
        encoder.register_forward_hook(lambda *_: runs.append(1))
    for seed in range(3):
        gradient(generator, noise_for(generator, seed=seed))
    assert len(runs) == len(encoders)


def test_steps_that_add_noise_are_repeatable_and_leave_the_random_state(entries):
    generator = open_generator(replace(entries["sdxl-turbo"], steps=3), 16)
    before, noise = torch.get_rng_state(), noise_for(generator)
    assert torch.equal(generator(noise, PROMPT), generator(noise, PROMPT))
    assert torch.equal(torch.get_rng_state(), before)


def test_any_folder_of_a_pipeline_is_a_generator(entries, opened):
    folder = entries["hyper-sd"].repository
    generator = open_generator(folder)
    assert generator.name == folder and generator.size == 16 and generator.noise_shape(32) == (4, 16, 16)
    noise = noise_for(generator)
    assert not torch.equal(generator(noise, PROMPT), opened["hyper-sd"](noise, PROMPT))
    assert generator.fingerprint == open_generator(folder).fingerprint != opened["hyper-sd"].fingerprint


# Prompts


@pytest.mark.parametrize(
    ("name", "words", "lost"),  # a word is one token of CLIP's and two of T5's; CLIP adds two, T5 one
    [("sd-turbo", 100, 100 + 2 - 77), ("sdxl-turbo", 76, 1), ("pixart-dmd", 100, 2 * 100 + 1 - 120)],
)
def test_a_long_prompt_warns_once_and_is_cut(opened, name, words, lost):
    generator, prompt = opened[name], "x " * words
    noise = noise_for(generator)
    with pytest.warns(UserWarning, match=f"its last {lost} tokens are cut off") as said:
        cut = generator(noise, prompt)
    assert len([warning for warning in said if warning.category is UserWarning]) == 1
    assert torch.equal(cut, generator(noise, prompt))  # without a warning, which would be an error here
    if name != "pixart-dmd":
        assert torch.equal(cut, generator(noise, "x " * 75))


def test_what_the_longer_text_encoder_reads_is_not_lost(opened):
    generator = opened["flux-schnell"]
    noise = noise_for(generator)
    short, long = generator(noise, "x " * 90), generator(noise, "x " * 100)  # CLIP stops at 75, T5 at 127
    assert not torch.equal(short, long)


def test_a_prompt_is_never_a_path(opened, tmp_path, monkeypatch):
    (tmp_path / "secret.txt").write_text("a fish")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    generator = opened["mini-generator"]
    noise = noise_for(generator)
    assert not torch.equal(generator(noise, "../secret.txt"), generator(noise, "a fish"))
    generator(noise, "../../x")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["here", "secret.txt"]


# Mistakes


def refuses(*given, **named):
    with pytest.raises(ValueError) as error:
        open_generator(*given, **named)
    said = str(error.value)
    assert "\n" not in said and said.endswith(".") and "expected" in said
    return said


def test_an_unknown_name_is_answered_with_the_known_ones():
    said = refuses("sd-trubo")
    assert "generator 'sd-trubo' is not known" in said and all(name in said for name in GENERATORS)
    with pytest.raises(ValueError, match="generator 'nobody' is not known"):
        entry_of("nobody")


def test_a_folder_of_something_else(tmp_path):
    assert "cannot be loaded" in refuses(str(tmp_path))


def test_pickles_are_not_read(entries, tmp_path):
    """As PixArt-Alpha-DMD is published."""
    pipelines.pixart().transformer.save_pretrained(tmp_path / "transformer", safe_serialization=False)
    said = refuses(replace(entries["pixart-dmd"], weights=str(tmp_path)))
    assert "cannot be loaded" in said and "safetensors" in said


def test_a_safety_checker_is_not_loaded(entries, opened, tmp_path):
    index = tmp_path / "model_index.json"
    for part in Path(entries["sd-turbo"].repository).iterdir():
        (tmp_path / part.name).symlink_to(part)
    named = json.loads(index.read_text()) | {"requires_safety_checker": True}
    named["safety_checker"] = [
        "stable_diffusion",
        "StableDiffusionSafetyChecker",
    ]  # of which there is no folder
    index.unlink()
    index.write_text(json.dumps(named))
    generator = open_generator(str(tmp_path), 16)
    noise = noise_for(generator)
    assert torch.equal(generator(noise, PROMPT), opened["sd-turbo"](noise, PROMPT))


def test_sizes_steps_and_noise_that_cannot_be(entries, opened):
    assert "the size is 18 pixels; expected a multiple of 4" in refuses(entries["flux-schnell"], 18)
    assert "the size is 0 pixels" in refuses(entries["sd-turbo"], 0)
    assert "0 steps were requested" in refuses(replace(entries["sd-turbo"], steps=0))
    assert "2 steps were requested; expected 1, as" in refuses(replace(entries["hyper-sd"], steps=2))
    with pytest.raises(ValueError, match="the noise has 3 channels; expected 4"):
        opened["sd-turbo"](torch.zeros(1, 3, 8, 8), PROMPT)
    unsized = copy.copy(opened["sd-turbo"])
    unsized.size = None
    with pytest.raises(ValueError, match="the size is not given by the pipeline; expected a multiple of"):
        unsized.noise_shape()


def test_the_bundled_generator_lies_in_the_package():
    import tasteprint

    assert Path(GENERATORS["mini-generator"].repository).parent.parent == Path(tasteprint.__file__).parent
    assert entry_of("a/b") == Entry("a/b")
