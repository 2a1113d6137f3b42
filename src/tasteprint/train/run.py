"""A whole training run: the teacher, stage 1, stage 2; interrupted at any time, the same run again resumes it.

Enters: a config, a built dataset, a run folder. Leaves: the best model in `model/`, `learning.json`, `run.json`.
Does not know: command lines, evaluation on test people.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from accelerate import PartialState
from transformers import ProgressCallback, set_seed
from transformers.trainer_callback import PrinterCallback
from transformers.utils.logging import disable_progress_bar

from tasteprint.config import Config, StageConfig
from tasteprint.data.dataset import Dataset
from tasteprint.data.histories import fixed_examples
from tasteprint.incontext.images import PixelCache, StoredTokens
from tasteprint.incontext.model import InContextModel
from tasteprint.incontext.network import PreferenceNetwork
from tasteprint.learned_range import LearnedRange
from tasteprint.posterior.likelihoods import images_of
from tasteprint.posterior.model import TastePosterior
from tasteprint.train.allocator import keep_freed_memory
from tasteprint.train.checkpoints import delete_checkpoints, last_checkpoint
from tasteprint.train.checks import IN_CONTEXT, POSTERIOR, check_tracker, expect_kind
from tasteprint.train.objective import Objective, set_trainable
from tasteprint.train.posterior_run import LEARN, PosteriorRun
from tasteprint.train.run_folder import RunFolder, learned_from
from tasteprint.train.stream import ExampleStream
from tasteprint.train.teacher import Teacher, check_layers
from tasteprint.train.trainer import Images, PreferenceTrainer, StageBar, training_arguments
from tasteprint.types import Example
from tasteprint.vision.encoder import ImageEncoder
from tasteprint.vision.eye import EYE, eye_weights
from tasteprint.vision.feature_store import FeatureStore

STAGES = ("stage1", "stage2")
HELD_OUT_TARGETS = 16


class Run:
    """One run from a config to a model. `go` does what is left to do."""

    def __init__(self, config: Config, dataset: Dataset, path: Path, report_to: str = "none") -> None:
        """Name the run; ValueError where its folder holds another run, or something that it is to use cannot be."""
        self.config, self.dataset, self.report_to = config, dataset, report_to
        self.open_image = dataset.images.open
        self.stages: dict[str, StageConfig] = {
            name: getattr(config, name) for name in STAGES if getattr(config, name).steps
        }
        check_tracker(report_to)
        self._check_people()
        self.posterior = self._named_posterior()
        self.processes = PartialState()
        self.folder = RunFolder(path, config, learned_from(dataset), self.processes.is_main_process)

    def go(self) -> InContextModel:
        """Do every part that is not done, and give the best model (also written to `model/`).

        ValueError for models that cannot be opened and where another process holds the folder, before anything is
        written.
        """
        set_seed(self.config.seed)
        keep_freed_memory()
        disable_progress_bar()  # of transformers' own: one bar a stage is enough
        network = self._begun()
        if self.config.teacher.posterior:
            check_layers(self.config.teacher, network.backbone.depth)
        with self.folder.open():
            for name in self.stages:
                self._part(name, network, self._stage)
            self._publish(network)
        return InContextModel(network)

    def _begun(self) -> PreferenceNetwork:
        if self.config.init_from:
            expect_kind("init_from", self.config.init_from, IN_CONTEXT)
            onward = PreferenceNetwork.from_pretrained(self.config.init_from)
            onward.learned = LearnedRange.of(self.config.data.history_length, self.dataset.prompts())
            return onward
        prompts = self.dataset.prompts()
        network = PreferenceNetwork.from_config(self.config.model, prompts)
        network.learned = LearnedRange.of(self.config.data.history_length, prompts)
        if self.config.model.vision_weights == EYE:
            network.vision_part.load(eye_weights())
        return network

    def _part(
        self, name: str, network: PreferenceNetwork, work: Callable[[str, PreferenceNetwork], None]
    ) -> None:
        """Do a part and keep its weights, or take over the weights of an earlier try that finished it."""
        stage = self.folder.path / name
        self.processes.wait_for_everyone()
        if self.folder.done(name):
            network.load_weights(stage / "model")
        else:
            set_seed(
                self.config.seed
            )  # so that a part is the same whichever parts ran before it in this process
            with self.folder.doing(name):
                work(name, network)
                if self.processes.is_main_process:
                    with self.folder.kept_folder(f"{name}/model") as kept:
                        network.save_pretrained(kept)
                self.processes.wait_for_everyone()
        if self.processes.is_main_process:
            delete_checkpoints(stage)  # last: until then they are all that a killed run has

    def _stage(self, name: str, network: PreferenceNetwork) -> None:
        stage = self.stages[name]
        set_trainable(network, stage)
        if stage.checkpointing:
            network.backbone.network.gradient_checkpointing_enable()
        path = (self.folder.path / name).resolve()
        objective = Objective(network, stage, self._teacher(network))
        objective.read_readouts(self.folder.path / STAGES[0])  # a second stage goes on with the first's
        trainer = PreferenceTrainer(
            objective,
            training_arguments(path, stage, self.config.seed, self.report_to),
            self._stream(stage),
            self._held_out(stage),
            self._images(network),
            callbacks=[StageBar(name)],
        )
        for unwanted in (ProgressCallback, PrinterCallback):
            trainer.remove_callback(unwanted)
        if self.processes.is_main_process:
            delete_checkpoints(path, whole=False)
        self.processes.wait_for_everyone()
        trainer.train(resume_from_checkpoint=last_checkpoint(path))
        _expect_finite(name, network)
        self.folder.keep(f"{name}/learning.json", trainer.state.log_history)
        if self.processes.is_main_process:
            objective.write_readouts(path)

    def _stream(self, stage: StageConfig) -> ExampleStream:
        data = self.config.data
        length = (
            stage.steps
            * stage.gradient_accumulation_steps
            * stage.batch_size
            * int(os.environ.get("WORLD_SIZE", "1"))
        )
        votes = self.dataset.votes_by_user("train")
        return ExampleStream(
            votes,
            length,
            data.history_length,
            stage.targets,
            stage.short_history_share,
            data.temporal,
            self.config.seed,
            stage.batch_size,
        )

    def _held_out(self, stage: StageConfig) -> list[Example]:
        data = self.config.data
        votes = self.dataset.votes_by_user("validation")
        examples, _ = fixed_examples(
            votes, data.history_length, HELD_OUT_TARGETS, self.config.seed, data.temporal
        )
        if not examples:
            raise ValueError(
                f"no person of the validation split has more than {data.history_length} votes; expected one: raise "
                "data.validation when building."
            )
        return examples[: stage.evaluate_people]

    def _images(self, network: PreferenceNetwork) -> Images:
        """Give features from disk where nothing that sees is training, pixels otherwise."""
        if any(p.requires_grad for part in network.backbone.vision for p in part.parameters()):
            return PixelCache(network, self.open_image)
        return StoredTokens(self._filled(self._eye_of(network)), network.backbone.width)

    def _eye_of(self, network: PreferenceNetwork) -> ImageEncoder:
        return ImageEncoder.of_vision_part(network.vision_part, network.settings.backbone)

    def _filled(self, encoder: ImageEncoder) -> FeatureStore:
        with self.processes.main_process_first():  # one process writes, the others find everything there
            store = FeatureStore(self.dataset.folder / "features", encoder, self.open_image)
            store.fill(self._shown)
        return store

    @cached_property
    def _shown(self) -> list[str]:
        people = [self.dataset.votes_by_user(split) for split in ("train", "validation")]
        return images_of([vote for votes in people for many in votes.values() for vote in many])

    def _check_people(self) -> None:
        for stage in self.stages.values():
            self._stream(stage)
            self._held_out(stage)

    def _named_posterior(self) -> TastePosterior | None:
        """Open the posterior that the config names, before anything is written; None where the run learns its own."""
        name = self.config.teacher.posterior
        if name == LEARN:
            ImageEncoder.from_pretrained(self.config.posterior.encoder)
        if name in ("", LEARN):
            return None
        expect_kind("teacher.posterior", name, POSTERIOR)
        posterior = TastePosterior.from_pretrained(name)
        posterior.expect_known(self._shown)
        return posterior

    def _teacher(self, network: PreferenceNetwork) -> Teacher | None:
        if not self.config.teacher.posterior:
            return None
        if self.posterior is None:
            with self.processes.main_process_first():
                self.posterior = PosteriorRun(self.config, self.dataset, self.folder.path / "posterior").go()
        rows = self._filled(self.posterior.encoder).rows
        set_seed(
            self.config.seed
        )  # the read-outs begin the same whether the posterior was learned now or opened
        return Teacher.of(self.posterior, self._shown, rows, network.backbone, self.config.teacher)

    def _publish(self, network: PreferenceNetwork) -> None:
        if self.processes.is_main_process and not (self.folder.path / "model").is_dir():
            with self.folder.kept_folder("model") as kept:
                network.save_pretrained(kept)
        points = []
        for name in STAGES:
            written = self.folder.path / name / "learning.json"
            if written.is_file():
                points += [{"stage": name, **point} for point in json.loads(written.read_text("utf-8"))]
        self.folder.keep("learning.json", points)


def _expect_finite(name: str, network: PreferenceNetwork) -> None:
    if not all(bool(value.isfinite().all()) for value in network.state_dict().values()):
        raise ValueError(
            f"{name} ended with weights that are no numbers; expected finite ones: lower {name}.lr and choose another "
            "folder."
        )
