"""A small dataset of simulated people, on painted pictures."""

from pathlib import Path

from tasteprint.config import load_config
from tasteprint.data.build import build
from tasteprint.data.dataset import Dataset
from tasteprint.data.histories import split_users
from tasteprint.data.mapping import load_mapping
from tasteprint.simulate.log import write_log
from tasteprint.simulate.world import WorldConfig


def small_world(folder: Path) -> Dataset:
    """Twenty-four people with twenty votes each; the log is beside the dataset."""
    config = WorldConfig(people=24, votes=20, pictures={"train": 160, "validation": 60, "test": 60})
    shares = load_config("mini", ("data.validation=0.17", "data.test=0.17")).data
    write_log(folder / "log", config, lambda users: split_users(users, shares.validation, shares.test, 0))
    mapping = load_mapping(folder / "log/mapping.toml")
    build(str(folder / "log/votes.csv"), folder / "data", mapping, shares, 0)
    return Dataset(folder / "data")
