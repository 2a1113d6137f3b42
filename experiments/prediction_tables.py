"""Tables of how well people are predicted: the posterior and the in-context model in simulated worlds, the ablation.

Enters: the figures of docs/results/posterior.json, world.json, ablation.json. Leaves: Markdown. Does not know: files,
how anything was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from experiments.figures import RESULTS
from experiments.people import COUNTS
from tasteprint.evaluate.results import Figure, read_results

Named = Mapping[str, Figure]

WORLD_ROWS = {
    "Bayes bound: the best possible": "bound.bayes",
    "taste posterior": "accuracy.posterior",
    "share of the headroom": "headroom.posterior",
    "**in-context model**": "accuracy",
    "share of the headroom ": "headroom",
    "in-context minus posterior": "own_minus_posterior",
}
BESIDE = {
    "oracle: the true taste": ("bound.oracle", ".bound.oracle"),
    "Bayes bound: the best possible with these votes": ("bound.bayes.8", ".bound.bayes"),
    "taste posterior": ("accuracy.posterior.8", ".posterior"),
    "both combined: the model's score plus the posterior's personal deviation": (
        "accuracy.together",
        ".together",
    ),
    "**in-context model**": ("accuracy.8", ""),
    "liked minus disliked, true attributes": ("bound.centroid.8", ".bound.centroid"),
    "logistic regression a person": ("accuracy.logistic", ".logistic"),
    "average person: the best without votes": ("bound.average", ".bound.average"),
    "general scorer: same size, same votes, no history": ("accuracy.general", ".general"),
    "in-context model, no history": ("accuracy.no_history", ".no_history"),
    "in-context model, another's history": ("accuracy.other_history", ".other_history"),
}
"""Words, the name of the pairwise figure, and what its one-against-three figures end in."""

AIMS = {
    "headroom captured, 8 votes": ("headroom.8", "at least 0.88"),
    "headroom captured, 2 votes": ("headroom.2", "at least 0.80"),
    "in-context minus posterior, 8 votes": ("own_minus_posterior.8", "at least −0.01"),
    "own history minus another's, 8 votes": ("own_minus_other.8", "at least 0.12"),
    "calibration error of the pair's probability": ("calibration.ece", "at most 0.03"),
    "answers that flip when the history is reshuffled": ("order.flips", "at most 0.06"),
}
MORE = {
    "16 votes read as two histories of 8, margins added": "accuracy.two_halves.16",
    "the same minus one history of 16": "two_halves_minus_own.16",
    "32 votes read as two histories of 16, margins added": "accuracy.two_halves.32",
    "the same minus one history of 32": "two_halves_minus_own.32",
    "own history minus none, 8 votes": "own_minus_no_history.8",
    "calibration error of the taste posterior": "calibration.ece.posterior",
    "answers that flip, averaged over four orders": "order.flips.of_4",
    "accuracy, averaged over four orders": "accuracy.of_4_orders",
    "averaged minus one order": "of_4_orders_minus_own",
    "both combined minus the in-context model": "together_minus_own",
    "both combined minus the taste posterior": "together_minus_posterior",
    "both combined: scale of the deviation": "together.scale",
    "last layer, last token: K of the best silhouette": "clusters.k",
    "its silhouette": "clusters.silhouette",
    "its Davies-Bouldin index (0 is best)": "clusters.davies_bouldin",
    "its adjusted Rand index against the true groups": "clusters.ari",
    "the same with as many clusters as groups": "clusters.ari.true_k",
    "posterior layer, after the votes: K of the best silhouette": "clusters.beliefs.k",
    "its silhouette ": "clusters.beliefs.silhouette",
    "its Davies-Bouldin index (0 is best) ": "clusters.beliefs.davies_bouldin",
    "its adjusted Rand index against the true groups ": "clusters.beliefs.ari",
    "the same with as many clusters as groups ": "clusters.beliefs.ari.true_k",
    "seconds of training": "train.seconds",
}
ATTENTION = {
    "share of attention, mean of heads (lowest to highest)": "share",
    "likeness within a group": "within",
    "likeness across groups": "across",
    "within minus across": "within_minus_across",
}
ELSEWHERE = {
    "": "the world of the training",
    "strangers.": "groups never seen in training",
    "factors.": "no groups: six factors",
    "misled.": "a fifth of the history noted down wrongly",
}


def by_votes(figures: Sequence[Figure]) -> str:
    """Both ways against votes of history."""
    named = by_name(figures)
    lines = [f"| | {' | '.join(map(str, COUNTS))} |", f"| --- |{' ---: |' * len(COUNTS)}"]
    for label, name in WORLD_ROWS.items():
        lines.append(f"| {label} | {' | '.join(value(named, f'{name}.{count}') for count in COUNTS)} |")
    return "\n".join(lines) + "\n"


def beside(figures: Sequence[Figure]) -> str:
    """Everyone that foretells, with 8 votes: pairs, and one liked picture against three disliked ones."""
    named = by_name(figures)
    lines = ["| 8 votes | pairs | top 1 of 4 | top 2 | top 3 |", "| --- | --- | ---: | ---: | ---: |"]
    for label, (name, end) in BESIDE.items():
        if name in named:
            tops = " | ".join(value(named, f"top{k}{end}") for k in (1, 2, 3))
            lines.append(f"| {label} | {_cell(named, name)} | {tops} |")
    return "\n".join(lines) + "\n"


def aims(figures: Sequence[Figure]) -> str:
    """What was aimed at and what was reached."""
    named = by_name(figures)
    lines = ["| figure | aim | reached |", "| --- | --- | --- |"]
    lines += [f"| {label} | {aim} | {_cell(named, name)} |" for label, (name, aim) in AIMS.items()]
    return "\n".join(lines) + "\n"


def more(figures: Sequence[Figure]) -> str:
    """Order, the two ways together, clusters, attention."""
    named = by_name(figures)
    lines = ["| figure | value |", "| --- | --- |"]
    lines += [f"| {label} | {_cell(named, name)} |" for label, name in MORE.items() if name in named]
    return "\n".join(lines) + "\n"


def attention(figures: Sequence[Figure]) -> str:
    """What the visual tokens give to the preference tokens, by layer."""
    named = by_name(figures)
    layers = sorted(int(name.rpartition(".")[2]) for name in named if name.startswith("attention.share."))
    lines = [f"| layer | {' | '.join(map(str, layers))} |", f"| --- |{' --- |' * len(layers)}"]
    for label, name in ATTENTION.items():
        lines.append(f"| {label} | {' | '.join(_cell(named, f'attention.{name}.{n}') for n in layers)} |")
    return "\n".join(lines) + "\n"


def elsewhere(figures: Sequence[Figure]) -> str:
    """Other people than those of the training, 8 votes."""
    named = by_name(figures)
    lines = [
        "| 8 votes | average | Bayes bound | taste posterior | share | in-context model | share |",
        "| --- | ---: | ---: | --- | --- | --- | --- |",
    ]
    for world, label in ELSEWHERE.items():
        bounds = [value(named, f"{world}{name}") for name in ("bound.average", "bound.bayes.8")]
        parts = ("accuracy.posterior.8", "headroom.posterior.8", "accuracy.8", "headroom.8")
        cells = [_cell(named, f"{world}{name}") for name in parts]
        lines.append(f"| {label} | {' | '.join(bounds + cells)} |")
    return "\n".join(lines) + "\n"


def by_name(figures: Sequence[Figure]) -> Named:
    """Figures by their names."""
    return {figure.name: figure for figure in figures}


def value(named: Named, name: str) -> str:
    """A figure to three places, or nothing where there is none."""
    return f"{named[name].value:.3f}" if name in named else ""


def _cell(named: Named, name: str) -> str:
    """A value with its interval, where it has one."""
    if name not in named:
        return ""
    f = named[name]
    return f"{f.value:.3f}" + (f" ({f.low:.3f} to {f.high:.3f})" if f.low < f.high else "")


LEARNING_TIME = RESULTS / "posterior-time.json"
WORLDS = {"": "eight groups, 15 % own variation", "factors.": "no groups: six factors, 15 % own"}
POSTERIOR_ROWS = {
    "Bayes bound: the best possible": "bound.bayes",
    "posterior, true attributes": "attributes.accuracy",
    "share of the headroom": "attributes.headroom",
    "posterior, pixels": "accuracy",
    "share of the headroom ": "headroom",
    "liked minus disliked, true attributes": "bound.centroid",
    "mixture of 8 rewards (LoRe-like), pixels": "accuracy.lore",
    "logistic regression a person, pixels": "accuracy.logistic",
}
SINGLE = {
    "oracle: the true taste": "bound.oracle",
    "average person: the best without votes": "bound.average",
    "another's history, 8 votes": "accuracy.other_history",
    "own minus another's, 8 votes": "own_minus_other.8",
    "calibration error, pixels": "calibration.ece",
    "calibration error, true attributes": "attributes.calibration.ece",
    "answers that flip when the history is read backwards": "order.flips",
    "agreement of the most probable component after 32 votes with the true group (adjusted Rand; 1 is best), pixels":
        "groups.ari",
    "chosen votes that match 8 random ones, pixels": "ask.votes_to_match_8",
    "the same, true attributes": "attributes.ask.votes_to_match_8",
}  # fmt: skip


def posterior_by_votes(figures: Sequence[Figure]) -> str:
    """Accuracies against votes of history, both worlds, and the figures that have no votes."""
    named = by_name(figures)
    lines = [f"| | {' | '.join(map(str, COUNTS))} |", f"| --- |{' ---: |' * len(COUNTS)}"]
    for world, title in WORLDS.items():
        lines.append(f"| **{title}** |{' |' * len(COUNTS)}")
        for label, name in POSTERIOR_ROWS.items():
            cells = [value(named, f"{in_world(world, name)}.{count}") for count in COUNTS]
            lines.append(f"| {label} | {' | '.join(cells)} |")
    lines += ["", "| figure | groups | no groups |", "| --- | --- | --- |"]
    for label, name in SINGLE.items():
        cells = [
            interval(named[full]) if (full := in_world(world, name)) in named else "" for world in WORLDS
        ]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join([*lines, *_learning_time()]) + "\n"


def in_world(world: str, name: str) -> str:
    """A figure's whole name: in the world without groups, figures of pixels say so; bounds are of no view."""
    return world + (name if not world or name.startswith(("bound.", "attributes.")) else f"pixels.{name}")


def _learning_time() -> list[str]:
    """The time of the measurement made for it: in the others the worlds share the machine."""
    if not LEARNING_TIME.is_file():
        return []
    (taken,) = read_results(LEARNING_TIME)
    return [
        f"| seconds to learn the prior, one quiet core, pixels (`{LEARNING_TIME.name}`) | {taken.value:.0f} |  |"
    ]


def interval(figure: Figure) -> str:
    """A value with its interval."""
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


TABLES: dict[str, Callable[[Sequence[Figure]], str]] = {
    "votes": posterior_by_votes,
    "by_votes": by_votes,
    "beside": beside,
    "aims": aims,
    "more": more,
    "attention": attention,
    "elsewhere": elsewhere,
}
