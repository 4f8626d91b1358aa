"""MIDI ports of this computer, and playing a stream on one of them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

from partimento.core.errors import ConfigError, MissingExtraError
from partimento.tasks.piano.listening import NOTE_ON


@runtime_checkable
class InPort(Protocol):
    """Where messages come from."""

    def poll(self) -> Sequence[int] | None:
        """The next message that has arrived, or None."""
        ...

    def close(self) -> None:
        """Give the port back."""
        ...


@runtime_checkable
class OutPort(Protocol):
    """Where messages go."""

    def send(self, message: Sequence[int]) -> None:
        """Send a message at once."""
        ...

    def close(self) -> None:
        """Give the port back."""
        ...


class Playback:
    """Plays one piece of a stream on a port, each key at its time, while the model runs ahead.

    Give :meth:`hear` to a command as its listener.  It begins with the first key.
    """

    def __init__(
        self,
        port: OutPort,
        *,
        piece: int = 1,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.port, self.piece, self.clock, self.sleep = port, piece, clock, sleep
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def hear(self, event: dict[str, Any]) -> None:
        """Take an event of the stream."""
        if event["piece"] == self.piece and event["event"] in ("note_on", "note_off"):
            self._events.put(event)

    def finish(self) -> None:
        """Wait until everything has been played, then close the port."""
        self._events.put(None)
        self._thread.join()
        self.port.close()

    def _run(self) -> None:
        began: float | None = None
        while (event := self._events.get()) is not None:
            if began is None:
                began = self.clock() - event["sec"]
            wait = began + event["sec"] - self.clock()
            if wait > 0:
                self.sleep(wait)
            self.port.send((NOTE_ON, event["pitch"], event["velocity"]))


@contextmanager
def heard_on(
    name: str | None, listener: Callable[[dict[str, Any]], None] | None
) -> Iterator[Callable[[dict[str, Any]], None] | None]:
    """``listener``, and with a port's ``name`` also one that plays on it; errors as `open_in`."""
    if name is None:
        yield listener
        return
    playback = Playback(open_out(name))

    def told(event: dict[str, Any]) -> None:
        playback.hear(event)
        if listener is not None:
            listener(event)

    try:
        yield told
    finally:
        playback.finish()


def open_in(name: str | None) -> InPort:
    """The input port whose name contains ``name``, or the first.

    Raises MissingExtraError without python-rtmidi, ConfigError when there is no such port.
    """
    return _RtIn(_open(_rtmidi().MidiIn, name, "input", "--in"))


def open_out(name: str | None) -> OutPort:
    """The output port whose name contains ``name``, or the first; errors as :func:`open_in`."""
    return _RtOut(_open(_rtmidi().MidiOut, name, "output", "--out"))


class _RtIn:
    def __init__(self, port: Any) -> None:
        self.port = port

    def poll(self) -> Sequence[int] | None:
        """See :class:`InPort`."""
        found = self.port.get_message()
        return None if found is None else found[0]

    def close(self) -> None:
        """See :class:`InPort`."""
        self.port.close_port()


class _RtOut:
    def __init__(self, port: Any) -> None:
        self.port = port

    def send(self, message: Sequence[int]) -> None:
        """See :class:`OutPort`."""
        self.port.send_message(list(message))

    def close(self) -> None:
        """See :class:`OutPort`."""
        self.port.close_port()


def _rtmidi() -> Any:
    try:
        import rtmidi
    except ImportError as error:
        raise MissingExtraError(
            "MIDI ports need the package python-rtmidi", fix="pip install 'partimento[live]'"
        ) from error
    return rtmidi


def _open(kind: Callable[[], Any], name: str | None, what: str, flag: str) -> Any:
    try:
        port = kind()
        names = port.get_ports()
    except Exception as error:  # rtmidi raises its own SystemError where there is no sequencer
        raise ConfigError(f"this computer offers no MIDI {what}: {error}", where=flag) from error
    if not names:
        raise ConfigError(
            f"this computer has no MIDI {what} port", where=flag, fix="Connect a MIDI instrument"
        )
    for number, known in enumerate(names):
        if name is None or name.lower() in known.lower():
            return port.open_port(number)
    raise ConfigError(
        f"there is no MIDI {what} port {name!r}", where=flag, fix=f"There are: {', '.join(names)}"
    )
