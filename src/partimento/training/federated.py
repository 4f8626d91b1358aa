"""The messages of a federation carried by Flower; the only module that imports ``flwr``.

Server and nodes are those of :mod:`partimento.training.federated_exchange`; Flower moves their
messages, knows which nodes are there, and runs the simulation engine.  Telemetry of Flower and Ray
is switched off before either is imported.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from partimento.core.errors import DataError, MissingExtraError
from partimento.training.federated_exchange import NO_ANSWER, Numbers, Reply, Request
from partimento.training.federated_rules import Arrays

NO_TELEMETRY = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
HELLO = "hello"
Answer = Callable[[str, Request, Any], tuple[Arrays, Numbers]]
"""Node's name, request, Flower's context of the node -> what the node answers."""


def silence() -> None:
    """Switch the telemetry of Flower and Ray off, for this process and those it starts."""
    os.environ.update(NO_TELEMETRY)


def flower() -> Any:
    """The package ``flwr``, silent.

    Raises MissingExtraError, with the command, where it is not installed.
    """
    silence()
    try:
        import flwr.app
        import flwr.clientapp
        import flwr.serverapp
    except ImportError as error:
        raise MissingExtraError(
            "a federation over Flower needs Flower, which is not installed here",
            fix="Run `pip install 'partimento[federated]'` in an environment of its own "
            "(`make federation-demo` makes one), or add --simulate",
        ) from error
    return flwr


class FlowerExchange:
    """Requests and replies over a Flower grid."""

    def __init__(self, grid: Any, expected: int, patience_sec: float) -> None:
        """Wait for ``expected`` nodes and learn their names.

        Raises DataError where fewer have joined after ``patience_sec``.
        """
        self._grid, self._patience_sec = grid, patience_sec
        self._wait_for(expected)
        self._id_of: dict[str, int] = {}
        for message in self._send(Request(HELLO, 0), list(grid.get_node_ids())):
            if not message.has_error():
                name = str(message.content["answer"]["name"])
                self._id_of[name] = int(message.metadata.src_node_id)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes that have said hello, sorted."""
        return tuple(sorted(self._id_of))

    def ask(self, request: Request, nodes: Sequence[str]) -> list[Reply]:
        """Ask all at once; who has not answered in time is absent."""
        content = _content(request)
        received = content["arrays"].count_bytes() if "arrays" in content else 0
        messages = self._send(request, [self._id_of[name] for name in nodes])
        found = {int(message.metadata.src_node_id): message for message in messages}
        return [_reply(name, found.get(self._id_of[name]), received) for name in nodes]

    def _send(self, request: Request, node_ids: Sequence[int]) -> list[Any]:
        message = flower().app.Message
        messages = [message(_content(request), node_id, "train") for node_id in node_ids]
        return list(self._grid.send_and_receive(messages, timeout=self._patience_sec))

    def _wait_for(self, expected: int) -> None:
        end = time.monotonic() + self._patience_sec
        while (here := len(list(self._grid.get_node_ids()))) < expected:
            if time.monotonic() > end:
                raise DataError(
                    f"{here} of {expected} nodes have joined after {self._patience_sec:g} s",
                    where="federation",
                    fix="Look at the logs of the SuperNodes",
                )
            time.sleep(0.2)


def _content(request: Request) -> Any:
    """A request as Flower's records."""
    app = flower().app
    record = app.RecordDict()
    if request.arrays:
        arrays = {name: app.Array(array) for name, array in request.arrays.items()}
        record["arrays"] = app.ArrayRecord(arrays)
    about = {"kind": request.kind, "round": request.round_number}
    record["request"] = app.ConfigRecord(about)
    record["numbers"] = app.ConfigRecord({n: float(v) for n, v in request.numbers.items()})
    return record


def _request(record: Any) -> Request:
    """The request in Flower's records."""
    arrays = {name: a.numpy() for name, a in record["arrays"].items()} if "arrays" in record else {}
    about = record["request"]
    numbers = {str(n): float(v) for n, v in record["numbers"].items()}
    return Request(str(about["kind"]), int(about["round"]), arrays, numbers)


def _reply(name: str, message: Any, received: int) -> Reply:
    """A Flower message, an error or nothing as a reply.  Whatever a node sends may be nonsense."""
    if message is None:
        return Reply(name, error=NO_ANSWER, received_bytes=received)
    if message.has_error():
        reason = " ".join(str(message.error.reason).split())[:200]
        gone = message.error.code in _CODES_OF_ABSENCE
        kind = NO_ANSWER if gone else "failed"
        return Reply(name, error=f"{kind} ({reason})", received_bytes=received)
    try:
        record = message.content
        sent = record["arrays"].count_bytes()
        arrays = {str(key): array.numpy() for key, array in record["arrays"].items()}
        numbers = {str(key): float(value) for key, value in record["numbers"].items()}
    except Exception as error:  # the boundary: bytes from elsewhere
        return Reply(name, error=f"unreadable ({type(error).__name__})", received_bytes=received)
    return Reply(name, arrays, numbers, "", sent, received)


_CODES_OF_ABSENCE = (3, 4, 5)
"""Flower's codes for a message or reply that is not there, and a node that is not there."""


def client_app(name_of: Callable[[Any], str], answer: Answer) -> Any:
    """A Flower ClientApp whose nodes answer with ``answer``; ``name_of`` reads their context."""
    flwr = flower()
    app = flwr.clientapp.ClientApp()

    def train(message: Any, context: Any) -> Any:
        request, name = _request(message.content), name_of(context)
        record = flwr.app.RecordDict()
        record["answer"] = flwr.app.ConfigRecord({"name": name})
        if request.kind != HELLO:
            arrays, numbers = answer(name, request, context)
            packed = {key: flwr.app.Array(array) for key, array in arrays.items()}
            record["arrays"] = flwr.app.ArrayRecord(packed)
            record["numbers"] = flwr.app.ConfigRecord(dict(numbers))
        return flwr.app.Message(record, reply_to=message)

    app.train()(train)
    return app


def server_app(main: Callable[[Any, Any], None]) -> Any:
    """A Flower ServerApp that runs ``main(grid, context)``."""
    app = flower().serverapp.ServerApp()

    app.main()(main)
    return app


def run_simulation(server: Any, client: Any, nodes: int) -> None:
    """Flower's own simulation engine: every node an actor of Ray on this machine.

    Raises MissingExtraError where Ray is not installed.
    """
    flower()
    try:
        import ray  # noqa: F401
        from flwr.simulation import run_simulation as run
    except ImportError as error:
        raise MissingExtraError(
            "Flower's simulation engine needs Ray, which is not installed here",
            fix="Run `pip install 'partimento[federated]'`, or leave out --flower",
        ) from error
    backend = {
        "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
        "init_args": {"num_cpus": 1, "include_dashboard": False, "log_to_driver": False},
    }
    run(server_app=server, client_app=client, num_supernodes=nodes, backend_config=backend)


def flower_aggregate(
    kind: str,
    weights: Arrays,
    rounds: Iterable[dict[str, tuple[Arrays, float]]],
    **settings: float,
) -> Arrays:
    """Flower's own FedAvg, FedProx or FedAdam over some rounds of given adapters: the slow twin.

    ``rounds`` holds per round the new adapter and the number of clips of each node.  Returns the
    shared weights after the last.  It has no memory and refuses nothing.
    """
    flwr = flower()
    strategy = getattr(flwr.serverapp.strategy, kind)(min_available_nodes=1, **settings)
    current = weights
    for number, members in enumerate(rounds, start=1):
        if hasattr(strategy, "current_arrays"):
            strategy.current_arrays = current
        replies = [
            _aggregable(flwr.app, index, arrays, clips)
            for index, (arrays, clips) in enumerate(members.values(), start=1)
        ]
        joined, _ = strategy.aggregate_train(number, replies)
        current = {name: array.numpy() for name, array in joined.items()}
    return current


def _aggregable(app: Any, node: int, arrays: Arrays, clips: float) -> Any:
    """A reply as Flower's strategies expect it."""
    record = app.RecordDict(
        {
            "arrays": app.ArrayRecord({name: app.Array(a) for name, a in arrays.items()}),
            "metrics": app.MetricRecord({"num-examples": float(clips)}),
        }
    )
    # A real message belongs to a run; Flower's aggregation asks for no more than this.
    return SimpleNamespace(
        content=record,
        has_error=lambda: False,
        has_content=lambda: True,
        metadata=SimpleNamespace(src_node_id=node),
    )
