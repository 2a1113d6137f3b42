"""The ways to know a person that this package has, by name, and any model of theirs opened by name.

Enters: a method's name; a model's folder, run folder, bundled name or Hub repository. Leaves: a `TasteModel`, or the
class that trains one. Does not know: how any of them works. A new way is one line here.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasteprint.types import TasteModel

IN_CONTEXT = "in-context"
"""The method of a model whose folder names none."""


@dataclass(frozen=True, slots=True)
class Method:
    """Where a method's model and training run are defined, each as "module:Class", imported when first needed.

    `has_device` says whether the model's `from_pretrained` takes a `device`; others choose their own.
    """

    model: str
    run: str
    has_device: bool = False

    def model_class(self) -> Any:
        """Import the `TasteModel` class."""
        return _imported(self.model)

    def run_class(self) -> Any:
        """Import the class of a training run: `Run(config, dataset, folder, report_to).go()` gives a model."""
        return _imported(self.run)


METHODS = {
    IN_CONTEXT: Method(
        "tasteprint.incontext.model:InContextModel", "tasteprint.train.run:Run", has_device=True
    ),
    "posterior": Method(
        "tasteprint.posterior.model:TastePosterior", "tasteprint.train.posterior_run:PosteriorRun"
    ),
}
"""By the name that `Config.method` and the `kind` of a saved folder give."""


def open_model(name: str, device: str | None = None) -> TasteModel:
    """Open a model by folder, run folder, bundled name or Hub repository, whichever method made it.

    A `device`, such as "cuda", moves the models that can be moved. ValueError for what cannot be opened, or was made
    by a method that is not known.
    """
    from tasteprint.devices import usable_device
    from tasteprint.foreign import is_foreign
    from tasteprint.hub import find_model, read_about

    if device is not None:
        usable_device(device)
    folder = find_model(name)
    kind = IN_CONTEXT if is_foreign(folder) else read_about(folder).get("kind", IN_CONTEXT)
    if kind not in METHODS:
        raise ValueError(
            f"model {str(name)!r} is of the kind {kind!r}; expected one of {', '.join(METHODS)}: use the release of "
            "tasteprint that wrote it."
        )
    method = METHODS[kind]
    more = {"device": device} if method.has_device else {}
    model: TasteModel = method.model_class().from_pretrained(name, **more)
    return model


def _imported(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
