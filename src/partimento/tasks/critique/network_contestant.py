"""A recipe of a network as a contestant under a protocol (``contestants.py``)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from partimento.core.errors import ConfigError
from partimento.tasks.critique.contestants import Made
from partimento.tasks.critique.data import LabelledClips, data_hash, read_features
from partimento.tasks.critique.figures import Bench
from partimento.tasks.critique.network_folds import NetworkPredictor
from partimento.tasks.critique.network_recipe import NetworkRecipe
from partimento.tasks.critique.protocols import Predictor
from partimento.tasks.critique.recipe import load_recipe
from partimento.training.launch import RUNS


def network(recipe: str | Path, bench: Bench, out: str | Path | None = None) -> Made:
    """Networks trained as the recipe file says, on the clips and labels of the bench.

    What the recipe says about its data counts for the columns and their cache only.  The run of
    every fold lies in ``out``, or in ``runs/RECIPE-folds``; a stopped one is resumed.

    Raises ConfigError for a recipe of another kind, InputFileError and MusicError for clips whose
    columns cannot be had.
    """
    chosen = load_recipe(recipe)
    if not isinstance(chosen, NetworkRecipe):
        raise ConfigError("this is no recipe of a network", where=str(recipe))
    features = read_features(bench.clips, chosen.data.feature_set, chosen.data.cache)
    keys = tuple(clip.key for clip in bench.clips)
    clips = LabelledClips(keys, tuple(features), bench.labels, np.asarray(bench.human))
    folder = RUNS / f"{Path(recipe).stem}-folds" if out is None else Path(out)

    def make(seed: int) -> Predictor:
        return NetworkPredictor(chosen, clips, folder, seed)

    settings = chosen.model_dump_json(include={"model", "attention", "training"})
    return Made(make, f"{settings} {data_hash(clips)}", learns_valid=False)
