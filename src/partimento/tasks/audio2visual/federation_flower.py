"""The federation as a Flower app: what its ServerApp and ClientApps do.

Everything that both need lies in the run folder, which the node's and the run's configuration name;
in Flower's simulation engine the environment names it.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.config import validate_config
from partimento.core.errors import PartimentoError
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.core.runs import RunFolder
from partimento.tasks.audio2visual.federation_config import Federation
from partimento.tasks.audio2visual.federation_node import node_of
from partimento.tasks.audio2visual.federation_server import Server
from partimento.tasks.audio2visual.federation_study import held_out, planted_faults
from partimento.training.federated import FlowerExchange, client_app, server_app
from partimento.training.federated_exchange import Numbers, Request, planted, spoil
from partimento.training.federated_rules import Arrays

FOLDER_VARIABLE = "PARTIMENTO_FEDERATION_FOLDER"
LONGEST_DEATH_SEC = 600.0


def federation_file(folder: Path) -> Path:
    """Where the recipe and the nodes lie for the processes of a run."""
    return folder / "federation.json"


def done_file(folder: Path) -> Path:
    """What the ServerApp writes last."""
    return folder / "done.json"


def dying_file(folder: Path, name: str) -> Path:
    """A node that is to be killed in this round has begun its work."""
    return folder / "nodes" / name / "dying"


def read_federation(folder: Path) -> Federation:
    """The federation of a run folder."""
    file = federation_file(folder)
    return validate_config(Federation, json.loads(file.read_text(encoding="utf-8")), str(file))


def serve(grid: Any, context: Any) -> None:
    """Run all rounds, and write rows, adapter and end to the run folder."""
    folder = _folder(context.run_config)
    try:
        federation = read_federation(folder)
        run = RunFolder(folder)
        patience = federation.recipe.server.patience_sec
        exchange = FlowerExchange(grid, len(federation.nodes), patience)
        outcome = Server(federation, exchange, held_out(federation), run.log).run()
        np.savez(folder / "adapter.npz", mean_D=outcome.mean_D, std_D=outcome.std_D,
                 **outcome.weights)  # type: ignore[arg-type]  # fmt: skip
        end: dict[str, Any] = {"rows": outcome.rows, "nodes": list(exchange.nodes)}
    except PartimentoError as error:
        end = {"error": error.text}
    except Exception as error:
        write_atomic(done_file(folder), json.dumps({"error": f"{type(error).__name__}: {error}"}))
        raise
    write_atomic(done_file(folder), json.dumps(plain(end)))


def answer(name: str, request: Request, context: Any) -> tuple[Arrays, Numbers]:
    """One answer of one node.  Its statistics, and an adapter that stays, lie in its own folder."""
    folder = _folder(context.node_config)
    federation = read_federation(folder)
    own = folder / "nodes" / name
    node = node_of(federation, name, own)
    kept = own / "adapter.npz"
    if kept.is_file():
        with np.load(kept, allow_pickle=False) as arrays:
            node.restore({key: arrays[key] for key in arrays.files})
    fault = planted(planted_faults(federation), name, request)
    if fault == "die":
        write_atomic(dying_file(folder, name), str(request.round_number))
        # Somebody kills the node now; a rehearsal that nobody watches ends all the same.
        time.sleep(LONGEST_DEATH_SEC)
    arrays_out, numbers = node.answer(request)
    if node.adapter:
        np.savez(kept, **node.adapter)  # type: ignore[arg-type]
    return spoil(arrays_out, fault), numbers


def _folder(config: Any) -> Path:
    return Path(str(config.get("folder") or os.environ[FOLDER_VARIABLE]))


def _name_of(context: Any) -> str:
    """The node's name; in Flower's simulation engine nodes have numbers."""
    config = context.node_config
    if "name" in config:
        return str(config["name"])
    return read_federation(_folder(config)).nodes[int(config["partition-id"])].name


def __getattr__(name: str) -> Any:
    """``server`` and ``client``, the two halves of the app, made when Flower asks for them."""
    if name == "server":
        return server_app(serve)
    if name == "client":
        return client_app(_name_of, answer)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
