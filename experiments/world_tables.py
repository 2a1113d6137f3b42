"""Tables of the in-context model on simulated people, for `runs/tables.py`.

Enters: the figures of docs/results/world.json. Leaves: Markdown. Does not know: files, how anything was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasteprint.evaluate.results import Figure

Named = Mapping[str, Figure]

COUNTS = (0, 1, 2, 4, 8, 16, 32)
ROWS = {
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
    "both: the posterior around the model's margin": ("accuracy.together", ".together"),
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
    "both ways together minus the in-context model": "together_minus_own",
    "both ways together minus the taste posterior": "together_minus_posterior",
    "both ways together: scale of the deviation": "together.scale",
    "last layer, last token: K of the best silhouette": "clusters.k",
    "its silhouette": "clusters.silhouette",
    "its Davies-Bouldin index (0 is best)": "clusters.davies_bouldin",
    "its adjusted Rand index against the true groups": "clusters.ari",
    "the same with as many clusters as groups": "clusters.ari.true_k",
    "layer of beliefs, after the votes: K of the best silhouette": "clusters.beliefs.k",
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
    named = _named(figures)
    lines = [f"| | {' | '.join(map(str, COUNTS))} |", f"| --- |{' ---: |' * len(COUNTS)}"]
    for said, name in ROWS.items():
        lines.append(f"| {said} | {' | '.join(_value(named, f'{name}.{count}') for count in COUNTS)} |")
    return "\n".join(lines) + "\n"


def beside(figures: Sequence[Figure]) -> str:
    """Everyone that foretells, with 8 votes: pairs, and one liked picture against three disliked ones."""
    named = _named(figures)
    lines = ["| 8 votes | pairs | top 1 of 4 | top 2 | top 3 |", "| --- | --- | ---: | ---: | ---: |"]
    for said, (name, end) in BESIDE.items():
        if name in named:
            tops = " | ".join(_value(named, f"top{k}{end}") for k in (1, 2, 3))
            lines.append(f"| {said} | {_cell(named, name)} | {tops} |")
    return "\n".join(lines) + "\n"


def aims(figures: Sequence[Figure]) -> str:
    """What was aimed at and what was reached."""
    named = _named(figures)
    lines = ["| figure | aim | reached |", "| --- | --- | --- |"]
    lines += [f"| {said} | {aim} | {_cell(named, name)} |" for said, (name, aim) in AIMS.items()]
    return "\n".join(lines) + "\n"


def more(figures: Sequence[Figure]) -> str:
    """Order, the two ways together, clusters, attention."""
    named = _named(figures)
    lines = ["| figure | value |", "| --- | --- |"]
    lines += [f"| {said} | {_cell(named, name)} |" for said, name in MORE.items() if name in named]
    return "\n".join(lines) + "\n"


def attention(figures: Sequence[Figure]) -> str:
    """What the visual tokens give to the preference tokens, by layer."""
    named = _named(figures)
    layers = sorted(int(name.rpartition(".")[2]) for name in named if name.startswith("attention.share."))
    lines = [f"| layer | {' | '.join(map(str, layers))} |", f"| --- |{' --- |' * len(layers)}"]
    for said, name in ATTENTION.items():
        lines.append(f"| {said} | {' | '.join(_cell(named, f'attention.{name}.{n}') for n in layers)} |")
    return "\n".join(lines) + "\n"


def elsewhere(figures: Sequence[Figure]) -> str:
    """Other people than those of the training, 8 votes."""
    named = _named(figures)
    lines = [
        "| 8 votes | average | Bayes bound | taste posterior | share | in-context model | share |",
        "| --- | ---: | ---: | --- | --- | --- | --- |",
    ]
    for world, said in ELSEWHERE.items():
        bounds = [_value(named, f"{world}{name}") for name in ("bound.average", "bound.bayes.8")]
        parts = ("accuracy.posterior.8", "headroom.posterior.8", "accuracy.8", "headroom.8")
        cells = [_cell(named, f"{world}{name}") for name in parts]
        lines.append(f"| {said} | {' | '.join(bounds + cells)} |")
    return "\n".join(lines) + "\n"


def _named(figures: Sequence[Figure]) -> Named:
    return {figure.name: figure for figure in figures}


def _value(named: Named, name: str) -> str:
    return f"{named[name].value:.3f}" if name in named else ""


def _cell(named: Named, name: str) -> str:
    """A value with its interval, where it has one."""
    if name not in named:
        return ""
    f = named[name]
    return f"{f.value:.3f}" + (f" ({f.low:.3f} to {f.high:.3f})" if f.low < f.high else "")


TABLES = {
    "by_votes": by_votes,
    "beside": beside,
    "aims": aims,
    "more": more,
    "attention": attention,
    "elsewhere": elsewhere,
}
