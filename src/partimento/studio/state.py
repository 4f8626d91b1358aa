"""The parts of a running studio, made and ended together."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field

from partimento.studio.board import Board
from partimento.studio.questions import Desk
from partimento.studio.settings import Settings
from partimento.studio.store import Store
from partimento.studio.uploads import Uploads


@dataclass(frozen=True, slots=True)
class Studio:
    """Everything that a request may need."""

    settings: Settings
    store: Store
    board: Board
    desk: Desk
    uploads: Uploads
    token: str
    closing: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def open(cls, settings: Settings) -> Studio:
        """Open the history and make ready to work; nothing heavy is started yet."""
        for folder in (settings.home, settings.uploads, settings.jobs):
            folder.mkdir(parents=True, exist_ok=True)
        store = Store(settings.database)
        desk = Desk(store, settings)
        uploads = Uploads(store, settings, desk)
        uploads.sweep()
        board = Board(store, settings)
        return cls(settings, store, board, desk, uploads, secrets.token_urlsafe(32))

    def close(self) -> None:
        """End every process; open jobs stay in the history."""
        self.closing.set()
        self.board.close()
        self.desk.close()
        self.store.close()
