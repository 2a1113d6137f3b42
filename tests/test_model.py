"""The preference model and its prints: shortcuts against slow twins."""

import numpy as np
import pytest
import torch
from PIL import Image

from people import history, vote
from tasteprint.incontext.images import PixelCache, StoredTokens
from tasteprint.incontext.loss import margin
from tasteprint.incontext.packing import collate, pack_example
from tasteprint.provenance import fingerprint
from tasteprint.types import Example, History, Scorer
from tasteprint.vision.encoder import ImageEncoder
from tasteprint.vision.feature_store import FeatureStore

pytestmark = pytest.mark.numerical

CANDIDATES = [("30", "a fish"), ("31", "a cup"), ("32", "")]


@pytest.fixture(scope="module")
def images(model, pictures):
    return PixelCache(model.network, pictures.__getitem__)


def alone(model, images, person, candidate):
    """The published way: the whole conversation, for one person and one target."""
    return model.network.margins([person], [[candidate]], images)[0][0]


def test_under_two_million_parameters(model):
    assert 1.6e6 < sum(p.numel() for p in model.network.parameters()) < 2e6


def test_a_padded_batch_equals_single_examples(model, images):
    people = [history(8), History("v"), history(2, "w", 16)]
    together = model.network.margins(people, [CANDIDATES, CANDIDATES[:1], CANDIDATES], images)
    for person, margins in zip(people, together, strict=True):
        singles = [alone(model, images, person, candidate) for candidate in CANDIDATES[: len(margins)]]
        assert margins == pytest.approx(singles, abs=1e-5)


def test_a_print_equals_the_whole_conversation_and_never_changes(model, images, pictures):
    person = history(8)
    taste = model.print_of(person, pictures.__getitem__)
    shown = [pictures[name] for name, _ in CANDIDATES]
    prompts = [prompt for _, prompt in CANDIDATES]
    first, again = (taste.score_pictures(shown, prompts) for _ in range(2))
    assert torch.equal(first, again)
    assert first.numpy() == pytest.approx([alone(model, images, person, c) for c in CANDIDATES], abs=1e-5)
    assert isinstance(taste, Scorer)


def test_many_candidates_are_scored_as_few(model, pictures):
    taste = model.print_of(history(2), pictures.__getitem__)
    shown = [pictures[str(n)] for n in range(40)]
    many = taste.score_pictures(shown, ["a fish"] * 40)
    assert many[35:].numpy() == pytest.approx(
        taste.score_pictures(shown[35:], ["a fish"] * 5).numpy(), abs=1e-5
    )
    assert len(taste.score_pictures([], [])) == 0


def test_tensors_score_as_pictures_do_and_give_gradients(model, pictures):
    taste = model.print_of(history(2), pictures.__getitem__)
    shown = [pictures["30"], pictures["31"]]
    tensor = torch.stack(
        [torch.from_numpy(np.array(p)).permute(2, 0, 1) / 255 for p in shown]
    ).requires_grad_()
    scores = taste.score(tensor, ["a fish", "a cup"])
    assert scores.detach().numpy() == pytest.approx(
        taste.score_pictures(shown, ["a fish", "a cup"]).numpy(), abs=1e-4
    )
    scores.sum().backward()
    assert tensor.grad.abs().sum() > 0


def test_other_sizes_are_squashed_alike(model, pictures):
    taste = model.print_of(history(1), pictures.__getitem__)
    large = pictures["30"].resize((300, 200), Image.Resampling.BICUBIC)
    tensor = torch.from_numpy(np.array(large)).permute(2, 0, 1)[None] / 255
    assert taste.score(tensor, [""]).item() == pytest.approx(
        taste.score_pictures([large], [""]).item(), abs=0.02
    )


def test_prompts_and_images_must_match(model, pictures):
    with pytest.raises(ValueError, match="1 images came with 2 prompts; expected one prompt an image"):
        model.print_of(history(1), pictures.__getitem__).score_pictures([pictures["3"]], ["a", "b"])


def test_history_and_tokens_matter(model, images):
    assert alone(model, images, history(2), CANDIDATES[0]) != alone(
        model, images, history(2, start=4), CANDIDATES[0]
    )
    with_tokens = alone(model, images, History("u"), CANDIDATES[0])
    kept = model.network.tokens
    try:
        model.network.grow_tokens(0)
        assert alone(model, images, History("u"), CANDIDATES[0]) != with_tokens
    finally:
        model.network.tokens = kept


def test_a_grey_image_is_not_taken_for_padding(model):
    features = model.network.backbone.image_features(torch.zeros(2, 3, 48, 48))
    assert features.shape[0] == 2 and torch.allclose(features[0], features[1], atol=1e-6)


def test_visual_tokens_differ(model):
    features = model.network.backbone.image_features(torch.rand(1, 3, 48, 48))[0]
    assert not torch.allclose(features[0], features[1], atol=1e-3)


def test_an_unknown_layer_is_refused(model, images):
    batch, names = collate(
        [pack_example(Example(history(1), (vote(8, 9),)), model.network.encoder, 10)], model.network.pad_id
    )
    with pytest.raises(ValueError, match="layer 7 was asked for; expected 1 to 6"):
        model.network(**batch, **images(names), layers=[7])


def test_features_are_computed_once_and_survive_a_torn_end(model, pictures, tmp_path):
    network, opened = model.network, []

    def open_image(name):
        opened.append(name)
        return pictures[name]

    def stored():
        return StoredTokens(FeatureStore(tmp_path, model.image_encoder, open_image), network.backbone.width)

    first = stored()(["1", "2", "1"])["image_features"]
    assert opened == ["1", "2"] and torch.equal(first[0], first[2])
    pixels = network.pixels([pictures["1"], pictures["2"]])
    assert torch.allclose(first[:2], network.backbone.image_features(pixels), atol=1e-5)
    (rows,) = tmp_path.glob("*.f32")  # a kill in the middle of writing the second row
    rows.write_bytes(rows.read_bytes()[:-3])
    again = stored()
    assert len(again.store) == 1 and torch.allclose(again(["1", "2"])["image_features"], first[:2], atol=1e-5)


def test_changed_weights_have_another_fingerprint(model):
    before = fingerprint(*model.network.backbone.vision)
    weight = next(model.network.backbone.vision[0].parameters())
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.add_(1e-3)
        changed = fingerprint(*model.network.backbone.vision)
        weight.copy_(kept)
    assert changed != before == fingerprint(*model.network.backbone.vision)


def test_features_of_a_training_eye_are_refused(model):
    part = model.network.backbone.vision[0].requires_grad_(True)
    with pytest.raises(ValueError, match="the vision part is training"):
        ImageEncoder.of_vision_part(model.network.vision_part, "mini")
    part.requires_grad_(False)


def test_margin_is_the_logit_of_q():
    logits = torch.tensor([[0.3, 1.1]])
    from tasteprint.incontext.loss import AnswerTokens

    assert margin(logits, AnswerTokens(0, 1)).sigmoid().item() == pytest.approx(
        logits.softmax(-1)[0, 1].item()
    )
