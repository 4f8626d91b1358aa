"""PercePiano in the user's folder: taken in from the published layout, packed or unpacked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from partimento.core.errors import DataError, InputFileError
from partimento.core.files import write_atomic
from partimento.core.limits import DATA_BYTES, MIDI_BYTES, MUSICXML_BYTES, read_limited
from partimento.music.corpora_piano import archive_members, archives
from partimento.music.corpora_place import corpus_dir
from partimento.music.dimensions import NAMES
from partimento.music.percepiano import (
    DEVIATIONS,
    LABELS,
    MIDI_ENDINGS,
    PERFORMANCES,
    RATINGS,
    SCORE_MIDI,
    SCORE_XML,
    XML_ENDINGS,
    passage_groups,
    read_clips,
    read_deviations,
    read_labels,
    read_ratings,
)
from partimento.music.performance import read_performance_bytes

PERCEPIANO = "percepiano"
PERCEPIANO_HOW = "add percepiano FOLDER"
_LICENCE = "MIT as published; the performances may descend from MAESTRO (CC BY-NC-SA)"
_KINDS = {PERFORMANCES: MIDI_ENDINGS, SCORE_MIDI: MIDI_ENDINGS, SCORE_XML: XML_ENDINGS}
_TABLES = {LABELS: read_labels, DEVIATIONS: read_deviations, RATINGS: read_ratings}


def percepiano_dir() -> Path:
    """The folder of the installed corpus, with clips, labels and ratings.

    Raises DataError telling how to get it where it is not there.
    """
    folder = corpus_dir() / PERCEPIANO
    if not (folder / LABELS).is_file():
        raise DataError(
            f"the corpus {PERCEPIANO!r} is not here yet",
            fix=f"Run partimento data {PERCEPIANO_HOW}",
        )
    return folder


def add_percepiano(source: str | Path) -> dict[str, Any]:
    """Copy clips, labels and ratings into the user's folder, each of them read once.

    ``source`` is the folder with ``labels_mean.json`` and with ``performances/``, ``score_midi/``
    and ``score_xml/``, unpacked or in ``.tar.xz`` archives.  Deviations and ratings are taken
    where they are.

    Raises DataError where labels or performances are missing or of another layout.
    """
    source = Path(source)
    if not (source / LABELS).is_file():
        raise DataError(
            f"there is no {LABELS} here", where=str(source), fix="Give the folder with the labels"
        )
    tables = {name: source / name for name in _TABLES if (source / name).is_file()}
    for name, path in tables.items():
        _TABLES[name](path)
    folder = corpus_dir() / PERCEPIANO
    counts: Counter[str] = Counter()
    damaged: list[str] = []
    for kind, name, data in _files(source):
        if not _is_sound(kind, data):
            damaged.append(f"{kind}/{name}")
            continue
        write_atomic(folder / kind / name, data)
        counts[kind] += 1
    if not counts[PERFORMANCES]:
        raise DataError(
            "there are no performances here",
            where=str(source),
            fix=f"Give the folder that holds {PERFORMANCES}/, or its archive",
        )
    # The labels last: a run that was stopped leaves no corpus that looks whole.
    for name in reversed(tables):
        write_atomic(folder / name, read_limited(tables[name], DATA_BYTES))
    labels, clips = read_labels(folder / LABELS), read_clips(folder)
    keys = {clip.key for clip in clips}
    return {
        "corpus": PERCEPIANO,
        "folder": str(folder),
        "files": {kind: counts[kind] for kind in _KINDS},
        "tables": list(tables),
        "labelled": len(keys & set(labels)),
        "without_label": sorted(keys - set(labels)),
        "without_performance": sorted(set(labels) - keys),
        "damaged": damaged,
    }


def _files(source: Path) -> Iterator[tuple[str, str, bytes]]:
    """Kind, name and bytes of every clip's file; what lies unpacked goes before archives."""
    seen: set[tuple[str, str]] = set()
    for kind, endings in _KINDS.items():
        folder = source / kind
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if _is_wanted(f"{kind}/{path.name}") and path.suffix.lower() in endings:
                seen.add((kind, path.name))
                yield kind, path.name, read_limited(path, _limit(kind))
    for archive in archives(source):
        largest = max(map(_limit, _KINDS))
        for member, data in archive_members(archive, _is_wanted, largest):
            kind, name = _place(member)
            if (kind, name) not in seen and len(data) <= _limit(kind):
                seen.add((kind, name))
                yield kind, name, data


def _place(member: str) -> tuple[str, str]:
    """Folder and file name of a member, whatever the folders above them are called."""
    path = PurePosixPath(member)
    return path.parent.name, path.name


def _is_wanted(member: str) -> bool:
    kind, name = _place(member)
    visible = not name.startswith(".") and name.isprintable() and "\\" not in name
    return visible and PurePosixPath(name).suffix.lower() in _KINDS.get(kind, ())


def _limit(kind: str) -> int:
    return MUSICXML_BYTES if kind == SCORE_XML else MIDI_BYTES


def _is_sound(kind: str, data: bytes) -> bool:
    """Whether MIDI can be read; MusicXML is read when it is needed."""
    if kind == SCORE_XML:
        return True
    try:
        return len(read_performance_bytes(data)) > 0
    except InputFileError:
        return False


def percepiano_stats() -> dict[str, Any]:
    """Clips, passages, performers and works of the installed corpus, and what may not be parted.

    ``passage_groups`` counts the groups of clips that share notes or bytes; ``spread`` is the
    standard deviation over the clips of each dimension's label.

    Raises DataError where it is not here.
    """
    folder = percepiano_dir()
    clips, labels = read_clips(folder), read_labels(folder / LABELS)
    labelled = [clip for clip in clips if clip.key in labels]
    groups = passage_groups(labelled)
    table = np.array([labels[clip.key] for clip in labelled]).reshape(-1, len(NAMES))
    return {
        "corpus": PERCEPIANO,
        "licence": _LICENCE,
        "folder": str(folder),
        "clips": len(clips),
        "labelled": len(labelled),
        "deadpan": sum(clip.deadpan for clip in labelled),
        "passages": len({clip.passage for clip in labelled}),
        "passage_groups": int(groups.max(initial=-1)) + 1,
        "with_score": sum(clip.score is not None for clip in labelled),
        "works": dict(Counter(clip.work for clip in labelled).most_common()),
        "bars": {str(k): n for k, n in sorted(Counter(c.bars for c in labelled).items())},
        "performers": dict(Counter(clip.performer for clip in labelled).most_common()),
        "spread": dict(zip(NAMES, table.std(axis=0).round(4).tolist(), strict=True)),
    }


def percepiano_row() -> dict[str, Any]:
    """The corpus as a row of the table of corpora."""
    folder = corpus_dir() / PERCEPIANO
    return {
        "name": PERCEPIANO,
        "what": "833 piano clips rated on 19 perceptual dimensions, with scores (PercePiano)",
        "licence": _LICENCE,
        "files": [*_KINDS, *_TABLES],
        "here": [name for name in (*_KINDS, *_TABLES) if (folder / name).exists()],
        "folder": str(folder),
        "how": PERCEPIANO_HOW,
        "source": f"a folder that you have: {PERCEPIANO_HOW}",
    }
