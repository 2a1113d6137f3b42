"""Votes by hand for tests: pictures are named by numbers, as in the `pictures` fixture."""

from tasteprint.types import History, Vote


def vote(first, second, label=1.0, prompt="a fish", user="u"):
    return Vote(user, prompt, str(first), str(second), label)


def history(count, user="u", start=0):
    """`count` votes over pictures start, start + 1, ...; the liked side alternates."""
    votes = (vote(start + 2 * i, start + 2 * i + 1, float(i % 2), user=user) for i in range(count))
    return History(user, tuple(votes))
