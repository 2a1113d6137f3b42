"""What columns are called: the role that a name suggests, and two columns that are two images.

Enters: names of columns, or paths into nested rows. Leaves: guesses by the names alone. Does not know: cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WHO = "user|worker|rater|annotator|participant|person|voter|subject|observer|judge|evaluator|respondent|reviewer"
_END = "(_(id|hash|name|uid|uuid|key|number|code))?"

PATTERNS: dict[str, tuple[str, ...]] = {
    "user": (
        rf"(.*_)?({_WHO})s?{_END}",
        rf"(.*_)?(completed_by|labeler|assessor|member|player){_END}",
        "uid|sid",
    ),
    "prompt": ("(.*_)?prompt(_text)?", "(.*_)?(caption|query)", "(.*_)?instruction"),
    "label": (
        "(.*_)?label_0",
        "(.*_)?(label|choice|preference|pref|preferred|winner|selected|selection|answer|vote|verdict|decision|better)",
    ),
    "image": (
        "(.*_)?(image|img|picture|photo)(_(id|name|file|filename|file_name|path|uid|url|pair))?",
        "(.*_)?(file|filename|file_name|path|file_path)",
    ),
    "rating": ("(.*_)?(rating|stars?)", "(.*_)?(score|mos|grade)", "response"),
    "liked": ("(.*_)?(is_)?(liked?|favou?rite|favou?rited)",),
    "created_at": (
        "(.*_)?(created_at|voted_at|rated_at|submitted_at|answered_at)",
        "(.*_)?(timestamp|time_stamp|datetime|date_time|date)",
        "time|when|(.*_)?updated_at",
    ),
    "split": ("split|subset",),
    "cancelled": ("(.*_)?(cancelled|canceled|skipped)",),
}
"""By role, forms of names, the likelier first; a name is compared as `spelled` gives it."""

BETTER_WORSE = (("chosen", "rejected"), ("liked", "disliked"), ("winner", "loser"), ("preferred", "other"))
"""Names of two columns of images of which the first holds the better ones."""

SIDES = (("left", "right"), ("0", "1"), ("1", "2"), ("a", "b"), ("first", "second"))
"""Words by which the names of two columns differ; the first is image_0."""

_PICTURE = {
    one + end
    for one in (
        "image",
        "img",
        "picture",
        "photo",
        "pic",
        "file",
        "filename",
        "path",
        "url",
        "option",
        "candidate",
    )
    for end in ("", "s")
}
_OTHER = {
    "label",
    "model",
    "score",
    "prompt",
    "caption",
    "seed",
    "width",
    "height",
    "jpg",
    "bytes",
    "rating",
    "rank",
}


def spelled(column: str) -> str:
    """A name or path in small letters, its words and numbers joined by "_": `data.imageLeft2` is data_image_left_2."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])", "_", column)
    return "_".join(re.findall(r"[^\W_]+", apart)).lower()


def named_as(role: str, columns: Sequence[str]) -> list[str]:
    """The columns whose names suggest a role, the likeliest first."""
    found = [
        (rank, place, column)
        for place, column in enumerate(columns)
        for rank, form in enumerate(PATTERNS[role])
        if re.fullmatch(form, spelled(column))
    ]
    return list(dict.fromkeys(column for _, _, column in sorted(found)))


def better_and_worse(columns: Sequence[str]) -> tuple[str, str] | None:
    """The columns of the better and the worse images, where two are called so."""
    by_name = {spelled(column): column for column in columns}
    pairs = [(by_name[a], by_name[b]) for a, b in BETTER_WORSE if a in by_name and b in by_name]
    return pairs[0] if pairs else None


def image_pairs(columns: Sequence[str], shown: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Pairs of columns that are called like two images, or like the two sides of anything if both are among `shown`.

    The likelier first: of `image_0_uid` and `image_0_url` the one that stands before the other.
    """
    by_name = {spelled(column): column for column in columns}
    found = []
    for name, column in by_name.items():
        words = name.split("_")
        for place, word in enumerate(words):
            others = [second for first, second in SIDES if first == word]
            twins = ["_".join([*words[:place], other, *words[place + 1 :]]) for other in others]
            stem = {*words[:place], *words[place + 1 :]}
            found += [(column, by_name[twin], stem) for twin in twins if twin in by_name]
    return [
        (first, second)
        for first, second, stem in found
        if (stem & _PICTURE and not stem & _OTHER) or stem <= {"data", "id"} or {first, second} <= {*shown}
    ]
