"""Two examples in, the tensors out; and what each place may look at."""

import torch

from people import history, vote
from tasteprint.incontext.network import PreferenceTokens
from tasteprint.incontext.packing import SLOT, collate, pack, pack_example, visible
from tasteprint.types import Example, History


def test_the_batch_as_a_literal(model):
    encoder = model.network.encoder
    long = pack(history(1), [("8", "a fish"), ("9", "a fish")], encoder, n_tokens=2)
    short = pack(History("v"), [("0", "a fish")], encoder, n_tokens=2)
    batch, names = collate([long, short], pad_id=7)
    told, asked, alone = (
        len(encoder.context("a fish", True, False)),
        len(encoder.target("a fish", False)),
        len(short.ids),
    )
    first = len(encoder.context("a fish", False, True))
    shared = 3 + first + told  # two slots and <s>
    width = shared + 2 * asked
    assert batch["input_ids"].shape == (2, width)
    assert batch["input_ids"][1, : width - alone].tolist() == [7] * (width - alone)
    assert batch["input_ids"][0, :3].tolist() == [SLOT, SLOT, *encoder.begin]
    assert batch["segments"][0].tolist() == [0] * shared + [1] * asked + [2] * asked
    assert batch["segments"][1].tolist() == [-1] * (width - alone) + [0] * 3 + [1] * (alone - 3)
    where = list(range(shared, shared + asked))
    assert batch["position_ids"][0].tolist() == [*range(shared), *where, *where]
    assert batch["targets"].tolist() == [[0, shared + asked - 1], [0, width - 1], [1, width - 1]]
    assert batch["context"].tolist() == [[0, 3 + first - 3], [0, shared - 3]]
    assert batch["context_liked"].tolist() == [False, True]
    assert names == ["0", "1", "8", "9"]
    assert batch["image_index"].tolist() == [0, 1, 2, 3, 0]
    assert batch["context_image"].tolist() == [0, 1] and batch["target_image"].tolist() == [2, 3, 0]
    assert [batch["input_ids"][row, column + 1].item() for row, column in batch["context"].tolist()] == [
        encoder.minus,
        encoder.plus,
    ]


def test_an_example_puts_the_liked_image_first(model):
    row = pack_example(Example(history(1), (vote(8, 9, 0.0),)), model.network.encoder, 0)
    assert row.images == ["0", "1", "9", "8"]


def test_visible_by_hand():
    seen = visible(torch.tensor([[-1, 0, 0, 1, 2]]), torch.float32)[0, 0] == 0
    assert seen.int().tolist() == [
        [1, 0, 0, 0, 0],  # a pad sees itself
        [0, 1, 0, 0, 0],
        [0, 1, 1, 0, 0],
        [0, 1, 1, 1, 0],  # target 1 sees the history and itself
        [0, 1, 1, 0, 1],  # target 2 does not see target 1
    ]


def test_tokens_fill_their_slots_in_order():
    tokens = PreferenceTokens(2, 3)
    slots = torch.tensor([[False, True, True, False], [True, True, False, False]])
    filled = tokens.fill(torch.zeros(2, 4, 3), slots)
    assert torch.equal(filled[0, 1:3], tokens.vectors) and torch.equal(filled[1, :2], tokens.vectors)
    assert not filled[0, [0, 3]].any() and not filled[1, 2:].any()
