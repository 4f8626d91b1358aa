"""Schemas of a federation: what each node is (JSON), and the recipe of the whole (YAML)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from partimento.core.config import Config, read_values, validate_config
from partimento.core.errors import ConfigError
from partimento.core.limits import CONFIG_BYTES, read_limited
from partimento.training.federated_exchange import FaultKind

Strategy = Literal["fedavg", "fedprox", "fedadam", "standalone", "distilled"]
AVERAGED: tuple[str, ...] = ("fedavg", "fedprox", "fedadam")
"""Strategies in which adapters travel."""
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$"


class ClipTable(Config):
    """Labelled clips in the layout of ESC-10."""

    csv: str = Field(description="table of the clips: filename, category, fold")
    audio: str = Field(description="folder with the sound files of the table")
    folds: list[int] = Field(min_length=1, description="folds of the table that are used")
    otherwise: Literal["stop", "made"] = Field(
        "stop", description="where there is no such table: stop, or hear sounds made by rule"
    )

    @property
    def made(self) -> bool:
        """Whether sounds made by rule stand in for the table."""
        return self.otherwise == "made" and not Path(self.csv).exists()


class NodeConfig(Config):
    """One node, in a JSON file of its own that only this node needs."""

    name: str = Field(pattern=_NAME, description="name of the node, without spaces")
    classes: list[str] = Field(min_length=1, description="categories of the table that it owns")
    data: ClipTable = Field(description="its clips; no other node sees them")
    batch_size: int = Field(16, ge=1, description="clips per step")
    local_epochs: int = Field(3, ge=1, le=1000, description="passes over its clips each round")
    seed: int = Field(0, ge=0, description="seed of the order of its clips")

    @field_validator("classes")
    @classmethod
    def _once(cls, classes: list[str]) -> list[str]:
        if len(set(classes)) < len(classes):
            raise ValueError("a class comes twice")
        return classes


class ServerConfig(Config):
    """How the mean of the updates moves the shared adapter."""

    rule: Literal["average", "adam"] = Field("average", description="average, or Adam on it")
    rate: float = Field(1.0, gt=0, description="1 with average; about 0.003 with adam")
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of Adam's first moment")
    beta2: float = Field(0.99, ge=0, lt=1, description="decay of Adam's second moment")
    tau: float = Field(1e-3, gt=0, description="added to the root of the second moment")
    remember: bool = Field(
        True, description="the last good update of a silent or refused node stands in for it"
    )
    fade: float = Field(
        0.9, ge=0, le=1, description="what each round of absence multiplies that update with"
    )
    patience_sec: float = Field(
        60.0, gt=0, description="seconds to wait for the answers of a round (over a network)"
    )
    give_up_after: int = Field(
        1, ge=1, description="rounds without an answer after which a node is no longer asked"
    )


class FaultConfig(Config):
    """A planted fault, for rehearsals."""

    node: str = Field(description="name of the node")
    round: int = Field(ge=1, description="round in which it happens, from 1")
    kind: FaultKind = Field(
        description="die: killed in mid-round; nan, shape, norm: it sends such an update"
    )


class FederationRecipe(Config):
    """All that the server knows: strategy, rounds, adapter, nodes, evaluation."""

    task: Literal["audio2visual"] = "audio2visual"
    kind: Literal["federation"] = "federation"
    strategy: Strategy = Field("fedprox", description="what travels, and how it is joined")
    rounds: int = Field(10, ge=1, le=1000, description="rounds of messages")
    hidden: int = Field(64, ge=1, le=4096, description="hidden units of the adapter: its code")
    rate: float = Field(0.1, gt=0, description="step size of the nodes")
    mu: float = Field(0.1, ge=0, description="weight of FedProx's pull; used by fedprox only")
    distil: float = Field(0.1, ge=0, description="weight of the others' scores; distilled only")
    seed: int = Field(0, ge=0, description="seed of the first adapter")
    bank: str = Field("builtin", description="prompt bank for the figure in text space")
    largest_payload: int = Field(
        300_000, ge=1, description="bytes that a node may send or get in a round"
    )
    nodes: list[str] = Field(min_length=1, description="JSON files, relative to the recipe")
    evaluation: ClipTable = Field(description="held-out clips of all classes")
    server: ServerConfig = ServerConfig()
    faults: list[FaultConfig] = Field(default_factory=list, description="planted faults")

    @model_validator(mode="after")
    def _consistent(self) -> FederationRecipe:
        if self.strategy == "fedadam" and self.server.rule != "adam":
            raise ValueError("fedadam needs server.rule: adam")
        if self.strategy == "fedavg" and self.server.rule != "average":
            raise ValueError("fedavg needs server.rule: average; with adam it is fedadam")
        return self

    @property
    def pull(self) -> float:
        """The weight of FedProx's pull in this strategy."""
        return self.mu if self.strategy == "fedprox" else 0.0


class Federation(Config):
    """A recipe with its nodes read, all paths absolute."""

    recipe: FederationRecipe
    nodes: list[NodeConfig]

    @property
    def classes(self) -> tuple[str, ...]:
        """The pooled classes, sorted: what everything is judged on."""
        return tuple(sorted({name for node in self.nodes for name in node.classes}))

    @property
    def disjoint(self) -> bool:
        """Whether no class is at two nodes."""
        return len(self.classes) == sum(len(node.classes) for node in self.nodes)


def load_federation(path: str | Path, overrides: Sequence[str] = ()) -> Federation:
    """A recipe, with ``a.b=value`` overrides, and the node files that it names.

    Raises InputFileError for files that cannot be read and ConfigError for anything wrong in them:
    among it two nodes of one name, faults at nodes that there are not, and held-out clips that are
    trained on.
    """
    path = Path(path)
    values, where = read_values(path, overrides)
    recipe = validate_config(FederationRecipe, values, where)
    nodes = [read_node(path.parent / name) for name in recipe.nodes]
    held_out = _placed(recipe.evaluation)
    recipe = recipe.model_copy(update={"evaluation": held_out})
    names = [node.name for node in nodes]
    if len(set(names)) < len(names):
        raise ConfigError("two nodes have the same name", where=where)
    for fault in recipe.faults:
        if fault.node not in names:
            raise ConfigError(f"faults: there is no node {fault.node!r}", where=where)
    for node in nodes:
        shared = set(node.data.folds) & set(held_out.folds)
        if shared and Path(node.data.csv).resolve() == Path(held_out.csv).resolve():
            raise ConfigError(
                f"node {node.name} trains on the held-out fold {min(shared)}", where=where
            )
    return Federation(recipe=recipe, nodes=nodes)


def read_node(path: str | Path) -> NodeConfig:
    """A node's JSON file; the paths of its data count from the working folder.

    Raises InputFileError or ConfigError.
    """
    path = Path(path)
    try:
        values: Any = json.loads(read_limited(path, CONFIG_BYTES).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"not readable as JSON ({error})", where=str(path)) from error
    if not isinstance(values, dict):
        raise ConfigError("the file must hold one JSON object", where=str(path))
    node = validate_config(NodeConfig, values, str(path))
    return node.model_copy(update={"data": _placed(node.data)})


def _placed(table: ClipTable) -> ClipTable:
    """The table with absolute paths: other processes may work elsewhere."""
    csv, audio = (str(Path(name).resolve()) for name in (table.csv, table.audio))
    return table.model_copy(update={"csv": csv, "audio": audio})
