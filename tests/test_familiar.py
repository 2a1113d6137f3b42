"""Images remembered by the smallest hashes of their names."""

from hashlib import sha256

import pytest

from tasteprint.posterior.storage import KEPT, sketch, some_are_in

MANY = [f"{n}.png" for n in range(20_000)]


def test_a_sketch_by_hand():
    """SHA-256 of "a", "b" and "c" begins with ca97.., 3e23.. and 2e7d..: six bytes of each, rising."""
    assert sketch("abc") == (0x2E7D2C03A950, 0x3E23E8160039, 0xCA978112CA1B)
    assert sketch("cab") == sketch("abc") and sketch([]) == ()
    assert sketch("a") == (int(sha256(b"a").hexdigest()[:12], 16),)


def test_few_names_are_known_one_by_one():
    known = sketch("abc")
    assert all(some_are_in(name, known) for name in "abc")
    assert some_are_in(["x", "b"], known)
    assert not some_are_in("xyz", known) and not some_are_in([], known) and not some_are_in("abc", ())


def test_of_many_names_a_part_is_enough():
    known = sketch(MANY)
    assert len(known) == KEPT and list(known) == sorted(set(known))
    assert some_are_in(MANY[::100], known), "a hundredth of the names, two or three of them in the sketch"
    assert not some_are_in([f"{n}.jpg" for n in range(20_000)], known)


@pytest.mark.parametrize("names", [MANY[:KEPT], MANY[: KEPT + 1], MANY])
def test_order_and_repetition_change_nothing(names):
    assert sketch(names) == sketch([*reversed(names), *names[:9]])
