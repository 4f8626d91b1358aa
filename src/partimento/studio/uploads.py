"""Files that are handed in: counted while they stream, told by content, named by the studio."""

from __future__ import annotations

import re
import secrets
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

import anyio.to_thread

from partimento.core.errors import InputFileError, PartimentoError
from partimento.core.limits import size_text
from partimento.studio.questions import Desk
from partimento.studio.settings import Settings
from partimento.studio.sniffing import HEAD_BYTES, LARGEST, Kind, sniff
from partimento.studio.store import Store, Upload

MOST_BYTES = 2_000_000_000
"""Size of all uploads together; then some must be deleted first."""
_LONGEST_NAME = 80
_OURS = re.compile(r"[0-9a-f]{16}\.[a-z]+|incoming-[a-z0-9_]+\.part")


class TooLargeError(PartimentoError):
    """More bytes than the kind of file may have."""


class Uploads:
    """Takes files in and gives them out."""

    def __init__(self, store: Store, settings: Settings, desk: Desk) -> None:
        self._store, self._folder, self._desk = store, settings.uploads, desk

    async def take(self, name: str, stream: AsyncIterator[bytes]) -> Upload:
        """Write a stream to a file of its own and look into it.

        Raises TooLargeError, InputFileError; then nothing is left behind.
        """
        if self._store.uploaded_bytes() > MOST_BYTES:
            raise TooLargeError(
                f"the studio holds {size_text(MOST_BYTES)} of files already",
                fix="Delete some on the page of the history",
            )
        shown = shown_name(name)
        with tempfile.NamedTemporaryFile(
            dir=self._folder, prefix="incoming-", suffix=".part", delete=False
        ) as file:
            path = Path(file.name)
            try:
                kind, size = await _receive(stream, file, shown)
                file.close()
                upload = await anyio.to_thread.run_sync(self._keep, path, shown, kind, size)
            finally:
                path.unlink(missing_ok=True)
        return upload

    def _keep(self, path: Path, shown: str, kind: Kind, size: int) -> Upload:
        """Look into the file in the desk's process, then give it its name here."""
        id = secrets.token_hex(8)
        settled = self._folder / f"{id}{kind.suffix}"
        path.rename(settled)
        try:
            facts = self._desk.look(str(settled), shown, kind.group)
            upload = Upload(id, shown, kind.group, kind.suffix, size, facts, time.time())
            self._store.add_upload(upload)
        except BaseException:
            settled.unlink(missing_ok=True)
            raise
        return upload

    def path(self, upload: Upload) -> Path:
        """Where an upload lies."""
        return self._folder / upload.file_name

    def delete(self, id: str) -> bool:
        """Forget a file; False when there is none."""
        try:
            upload = self._store.upload(id)
        except KeyError:
            return False
        self._store.delete_upload(id)
        self.path(upload).unlink(missing_ok=True)
        return True

    def sweep(self) -> int:
        """Remove what a crash left: halves of uploads, and files that no row names."""
        known = {upload.file_name for upload in self._store.uploads(limit=1_000_000)}
        stray = [
            path
            for path in self._folder.iterdir()
            # Only names that the studio makes: the folder might be somebody's own.
            if _OURS.fullmatch(path.name) and path.name not in known
        ]
        for path in stray:
            path.unlink(missing_ok=True)
        return len(stray)


async def _receive(stream: AsyncIterator[bytes], file: IO[bytes], shown: str) -> tuple[Kind, int]:
    head, size, kind = b"", 0, None
    async for chunk in stream:
        size += len(chunk)
        if len(head) < HEAD_BYTES:
            head += chunk[: HEAD_BYTES - len(head)]
        if kind is None and len(head) == HEAD_BYTES:
            kind = _kind(head, shown)
        limit = LARGEST if kind is None else kind.limit
        if size > limit:
            raise TooLargeError(
                f"this file is larger than the {size_text(limit)} allowed for its kind",
                where=shown,
                fix="Cut the piece into shorter files",
            )
        file.write(chunk)
    if size == 0:
        raise InputFileError("this file is empty", where=shown)
    kind = kind or _kind(head, shown)
    if size > kind.limit:
        raise TooLargeError(
            f"this file is larger than the {size_text(kind.limit)} allowed for its kind",
            where=shown,
            fix="Cut the piece into shorter files",
        )
    return kind, size


def _kind(head: bytes, shown: str) -> Kind:
    try:
        return sniff(head)
    except InputFileError as error:
        raise InputFileError(error.what, where=shown, fix=error.fix) from error


def shown_name(name: str) -> str:
    """What a user calls a file, fit to be shown: no folders, no control characters, not long.

    >>> shown_name("../../etc/passwd"), shown_name("")
    ('passwd', 'file')
    """
    last = re.split(r"[/\\\\]", name)[-1]
    clean = "".join(letter for letter in last if letter.isprintable()).strip(". ")
    return clean[:_LONGEST_NAME] or "file"
