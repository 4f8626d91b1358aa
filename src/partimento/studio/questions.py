"""What can be asked and is answered at once, by a process of its own beside the queue."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from partimento.core.errors import InputFileError, PartimentoError
from partimento.studio.board import locate
from partimento.studio.handlers import QUESTIONS
from partimento.studio.orders import Order, Ref, Words
from partimento.studio.settings import Settings
from partimento.studio.store import Store
from partimento.studio.workshop import (
    Request,
    WorkerDiedError,
    WorkerFailedError,
    Workshop,
)

ANSWER_SEC = 10.0
ANSWER_MB = 3_000
MOST_ASKING = 24
"""Questions that may wait for their turn; one more is refused."""


class UnderstandQuestion(Order):
    """How are these words understood?"""

    text: Words = Field(description="What you want to hear, in words")
    settings: dict[str, str] = Field(default_factory=dict, max_length=40)


class RollQuestion(Order):
    """The notes of a file, for a piano roll."""

    source: Ref


class SheetQuestion(Order):
    """A score engraved, with the seconds at which its notes sound."""

    source: Ref


class LookQuestion(Order):
    """What is in a file that was just handed in?"""

    source: str
    kind: str


ASKED: dict[str, type[Order]] = {
    "understand": UnderstandQuestion,
    "roll": RollQuestion,
    "sheet": SheetQuestion,
}
"""Question -> what it takes; ``look`` is asked by the studio itself only."""


class BusyError(Exception):
    """Too many questions wait."""


class Desk:
    """Answers questions in one process, one after the other."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._shop = Workshop(settings.log, memory_mb=ANSWER_MB)
        self._places = threading.Semaphore(MOST_ASKING)

    def ask(self, question: str, order: Order) -> Any:
        """The answer.  Raises PartimentoError, BusyError, WorkerDiedError, WorkerFailedError."""
        found = {ref: locate(ref, self._store, self._settings) for ref in order.refs()}
        paths = {ref: str(path) for ref, (path, _) in found.items()}
        return self._answer(question, order, paths, {r: name for r, (_, name) in found.items()})

    def look(self, path: str, name: str, kind: str) -> dict[str, Any]:
        """Facts of a file that is not yet in the history; raises as :meth:`ask`."""
        order = LookQuestion(source="new", kind=kind)
        facts: dict[str, Any] = self._answer("look", order, {"new": path}, {"new": name})
        return facts

    def warm(self) -> None:
        """Start the process before the first question comes."""
        self._shop.warm()

    def close(self) -> None:
        """End the process."""
        self._shop.close()

    def _answer(
        self, question: str, order: Order, paths: Mapping[str, str], names: Mapping[str, str]
    ) -> Any:
        if not self._places.acquire(blocking=False):
            raise BusyError
        try:
            schema = f"{type(order).__module__}:{type(order).__name__}"
            request = Request(
                QUESTIONS[question], schema, order.model_dump(mode="json"), self._settings.runs,
                None, paths, names,
            )  # fmt: skip
            return self._shop.call(request, seconds=ANSWER_SEC)
        except WorkerDiedError as death:
            raise PartimentoError(
                f"nothing came of it ({death})", fix="The file is probably damaged; try another"
            ) from death
        except WorkerFailedError as fault:
            if not paths:
                raise
            # The boundary: whatever a reader raises on a foreign file is the file's fault.
            raise InputFileError(
                f"this file cannot be read ({fault})", where=", ".join(names.values())
            ) from fault
        finally:
            self._places.release()
