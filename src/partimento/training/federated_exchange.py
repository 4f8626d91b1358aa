"""How a server asks and nodes answer, whatever carries the messages.

The server's rounds are written against :class:`Exchange`.  Here it is calls within one process;
:mod:`partimento.training.federated` carries the same messages by Flower.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from partimento.training.federated_rules import Arrays, decode, encode, payload_bytes

Numbers = dict[str, float]
FaultKind = Literal["die", "nan", "shape", "norm"]
NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True)
class Request:
    """What the server asks: ``kind`` of work, round (0: before the first), arrays and numbers."""

    kind: str
    round_number: int
    arrays: Arrays = field(default_factory=dict, repr=False)
    numbers: Numbers = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What one node answers; ``error`` where there is nothing usable."""

    node: str
    arrays: Arrays = field(default_factory=dict, repr=False)
    numbers: Numbers = field(default_factory=dict)
    error: str = ""
    sent_bytes: int = 0
    """Arrays from node to server."""
    received_bytes: int = 0
    """Arrays from server to node."""


@runtime_checkable
class Node(Protocol):
    """A member of a federation: it has data of its own, and answers."""

    name: str

    def answer(self, request: Request) -> tuple[Arrays, Numbers]:
        """Do what is asked, with the node's own data."""
        ...


@runtime_checkable
class Exchange(Protocol):
    """Carries requests to nodes and their answers back."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes that have joined, sorted."""
        ...

    def ask(self, request: Request, nodes: Sequence[str]) -> list[Reply]:
        """One reply per node asked, in their order; an absent node's has an error."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """A planted fault, to see that the others do not suffer."""

    node: str
    round_number: int
    """The round in which it happens; a node that has died stays dead."""
    kind: FaultKind


class LocalExchange:
    """All nodes in this process.  Arrays are packed and unpacked as on a wire."""

    def __init__(self, nodes: Sequence[Node], faults: Sequence[Fault] = ()) -> None:
        self._nodes = {node.name: node for node in nodes}
        if len(self._nodes) < len(nodes):
            raise ValueError("two nodes have the same name")
        self._faults = tuple(faults)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes, sorted."""
        return tuple(sorted(self._nodes))

    def ask(self, request: Request, nodes: Sequence[str]) -> list[Reply]:
        """Ask one after the other."""
        return [self._ask(request, name) for name in nodes]

    def _ask(self, request: Request, name: str) -> Reply:
        sent = encode(request.arrays)
        received = sum(map(len, sent.values()))
        if self._dead(name, request.round_number):
            return Reply(name, error=NO_ANSWER, received_bytes=received)
        own = Request(request.kind, request.round_number, decode(sent), dict(request.numbers))
        try:
            arrays, numbers = self._nodes[name].answer(own)
        except Exception as error:  # a node's failure is that node's affair, as it is on a wire
            return Reply(name, error=f"{type(error).__name__}: {error}", received_bytes=received)
        arrays = spoil(arrays, planted(self._faults, name, request))
        size = payload_bytes(arrays)
        return Reply(name, decode(encode(arrays)), numbers, "", size, received)

    def _dead(self, name: str, round_number: int) -> bool:
        return any(
            fault.kind == "die" and fault.node == name and round_number >= fault.round_number
            for fault in self._faults
        )


def planted(faults: Sequence[Fault], name: str, request: Request) -> FaultKind | None:
    """The fault of a node in the training of a round, if one is planted."""
    for fault in faults:
        if (fault.node, fault.round_number) == (name, request.round_number):
            return fault.kind if request.kind == "train" else None
    return None


_SPOILERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "nan": lambda array: np.full_like(array, np.nan),
    "shape": lambda array: array.reshape(-1)[:-1],
    "norm": lambda array: array * np.asarray(3000.0, array.dtype),
}


def spoil(arrays: Mapping[str, np.ndarray], kind: FaultKind | None) -> Arrays:
    """The arrays as a node with this fault would send them."""
    if kind is None or kind == "die":
        return dict(arrays)
    return {name: _SPOILERS[kind](array) for name, array in arrays.items()}
