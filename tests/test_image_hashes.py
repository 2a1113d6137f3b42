"""Images remembered by the smallest hashes of their names."""

from hashlib import sha256

import pytest

from tasteprint.posterior.storage import HASHES, overlaps, smallest_hashes

MANY = [f"{n}.png" for n in range(20_000)]


def test_a_sketch_by_hand():
    """SHA-256 of "a", "b" and "c" begins with ca97.., 3e23.. and 2e7d..: six bytes of each, rising."""
    assert smallest_hashes("abc") == (0x2E7D2C03A950, 0x3E23E8160039, 0xCA978112CA1B)
    assert smallest_hashes("cab") == smallest_hashes("abc") and smallest_hashes([]) == ()
    assert smallest_hashes("a") == (int(sha256(b"a").hexdigest()[:12], 16),)


def test_few_names_are_known_one_by_one():
    known = smallest_hashes("abc")
    assert all(overlaps(name, known) for name in "abc")
    assert overlaps(["x", "b"], known)
    assert not overlaps("xyz", known) and not overlaps([], known) and not overlaps("abc", ())


def test_of_many_names_a_part_is_enough():
    known = smallest_hashes(MANY)
    assert len(known) == HASHES and list(known) == sorted(set(known))
    assert overlaps(MANY[::100], known), "a hundredth of the names, two or three of them in the sketch"
    assert not overlaps([f"{n}.jpg" for n in range(20_000)], known)


@pytest.mark.parametrize("names", [MANY[:HASHES], MANY[: HASHES + 1], MANY])
def test_order_and_repetition_change_nothing(names):
    assert smallest_hashes(names) == smallest_hashes([*reversed(names), *names[:9]])
