"""The corpora: which there are, where they come from, and the user's folder that holds them.

Nothing of them is part of the package.  A corpus gets into the folder by :func:`add` (a file that
one has), :func:`build` (from an installed package) or :func:`fetch` (from its public source).
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import DataError
from partimento.core.files import write_atomic
from partimento.core.limits import DATA_BYTES, size_text
from partimento.core.progress import Progress
from partimento.music.corpora_build import Record, build_chorales
from partimento.music.corpora_forms import (
    Form,
    canonical_of,
    check_form,
    content_sha256,
    recognise,
)
from partimento.music.corpora_percepiano import (
    PERCEPIANO,
    PERCEPIANO_HOW,
    add_percepiano,
    percepiano_row,
    percepiano_stats,
)
from partimento.music.corpora_piano import (
    PIANO_CORPORA,
    add_piano_corpus,
    piano_corpus_rows,
    piano_corpus_stats,
)
from partimento.music.corpora_place import corpus_dir
from partimento.music.corpora_stats import duplicates, split_stats, voice_intervals
from partimento.music.grid import read_json

_TIMEOUT_SEC = 30
_OPENING = 6
"""Steps of each voice by which a setting is known again."""
_JSB_COMMIT = "9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d"


@dataclass(frozen=True)
class Corpus:
    """One corpus.  ``files``: form -> file name in its folder, the one for training first.

    ``sha256`` is the checksum of the notes of ``sha256_parts`` (see ``content_sha256``), so that
    white space or a left-out part do not matter; ``size_bytes`` is the size of a file with just
    these parts.
    """

    name: str
    what: str
    url: str | None
    licence: str
    files: Mapping[Form, str]
    sha256: str
    sha256_parts: tuple[str, ...]
    size_bytes: int
    how: str


CORPORA: dict[str, Corpus] = {
    c.name: c
    for c in (
        Corpus(
            "chorales",
            "Bach chorales in four voices on a 16th grid, canonical parts train, valid and test",
            "https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/"
            f"{_JSB_COMMIT}/Jsb16thSeparated.json",
            "none stated; the notes are in the public domain",
            {"canonical": "canonical.json", "rich": "rich.json"},
            "7144853d12db07d72d53a695a4dbdd094ed2612ee14cde439caf3a4f37a12977",
            ("train", "valid"),
            1_031_535,
            "fetch chorales, build chorales (needs music21), or add chorales FILE",
        ),
        Corpus(
            "openhymnal",
            "212 hymns of the Open Hymnal in four voices on a 16th grid",
            None,
            "declared public domain in every file",
            {"openhymnal": "openhymnal.json"},
            "26721d93676cb4c9888240b5f67adb0530aaa00996f1a82b5768b18158bd7652",
            ("train",),
            1_050_142,
            "add openhymnal FILE",
        ),
        Corpus(
            "js_fakes",
            "500 synthetic chorales (JS Fakes) in the canonical form",
            None,
            "CC BY 4.0",
            {"js_fakes": "js_fakes.json"},
            "5e483e67631aeea4f174b4294b6a9937346de8fd1e718046241280423f3dbdc3",
            ("train",),
            1_705_575,
            "add js_fakes FILE",
        ),
    )
}


def find_corpus(name: str) -> Corpus:
    """The chorale corpus of this name; DataError listing the names where there is none."""
    if name not in CORPORA:
        known = ", ".join([*CORPORA, *PIANO_CORPORA, PERCEPIANO])
        raise DataError(f"there is no corpus {name[:40]!r}", fix=f"There are: {known}")
    return CORPORA[name]


def _is_of_piano(name: str) -> bool:
    """Whether the corpus comes as a folder that the user has."""
    return name in PIANO_CORPORA or name == PERCEPIANO


def _how(name: str) -> str:
    """Words after ``partimento data`` that bring a corpus here."""
    if name == PERCEPIANO:
        return PERCEPIANO_HOW
    return (PIANO_CORPORA.get(name) or CORPORA[name]).how


def corpus_path(name: str, form: Form | None = None) -> Path:
    """File of an installed corpus; without ``form`` the one for training.

    Raises DataError telling how to get it where it is not there.
    """
    corpus = find_corpus(name)
    chosen = form if form is not None else next(iter(corpus.files))
    if chosen not in corpus.files:
        raise DataError(f"the corpus {name!r} has no form {chosen!r}")
    path = corpus_dir() / name / corpus.files[chosen]
    if not path.is_file():
        raise DataError(
            f"the corpus {name!r} is not here yet", fix=f"Run partimento data {corpus.how}"
        )
    return path


def corpus_table() -> list[dict[str, Any]]:
    """Every corpus with its source, licence, checksum, size and the files that are here."""
    rows = []
    for corpus in CORPORA.values():
        folder = corpus_dir() / corpus.name
        here = [file for file in corpus.files.values() if (folder / file).is_file()]
        row = asdict(corpus)
        row.update(files=list(corpus.files.values()), here=here, folder=str(folder))
        row["source"] = corpus.url or f"a file that you have: {corpus.how}"
        rows.append(row)
    return [*rows, *piano_corpus_rows(), percepiano_row()]


def add(name: str, file: str | Path) -> dict[str, Any]:
    """Check a file's layout and store a copy of it; for the corpora of piano music, a folder.

    The form is told by the content; for ``chorales`` the hymns and the synthetic chorales are
    taken as well and go to their own corpus.  A rich file alone also gives the canonical one.

    Raises DataError where the file is missing, too large or no layout of this corpus.
    """
    if name == PERCEPIANO:
        return add_percepiano(file)
    if name in PIANO_CORPORA:
        return add_piano_corpus(name, file)
    wanted = find_corpus(name)
    return _install(wanted, read_json(file), str(file), source=f"file {Path(file).name}")


def _install(wanted: Corpus, content: Any, where: str, source: str) -> dict[str, Any]:
    form = recognise(content, where)
    corpus = next(c for c in CORPORA.values() if form in c.files)
    if corpus is not wanted and wanted.name != "chorales":
        raise DataError(
            f"this is the layout of {corpus.name!r}, not of {wanted.name!r}",
            where=where,
            fix=f"Run partimento data add {corpus.name} FILE",
        )
    splits = check_form(content, form, where)
    folder = corpus_dir() / corpus.name
    written = [_store(folder, corpus.files[form], content, source)]
    if form == "rich" and _only_derived(folder / corpus.files["canonical"]):
        note = f"derived from {corpus.files['rich']}"
        written.append(_store(folder, corpus.files["canonical"], canonical_of(splits), note))
    return {
        "corpus": corpus.name,
        "form": form,
        "files": [str(path) for path in written],
        "pieces": {split: len(grids) for split, grids in splits.items()},
        "known_content": _is_known(corpus, form, splits),
    }


def _is_known(corpus: Corpus, form: Form, splits: Mapping[str, Sequence[np.ndarray]]) -> bool:
    """Whether the notes are those whose checksum the table has."""
    return (
        form == next(iter(corpus.files))
        and content_sha256(splits, corpus.sha256_parts) == corpus.sha256
    )


def _store(folder: Path, file: str, content: Any, source: str) -> Path:
    """Write a file and its line in ``manifest.json``."""
    path = folder / file
    data = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    write_atomic(path, data)
    manifest = _manifest(folder)
    manifest[file] = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "source": source,
    }
    write_atomic(folder / "manifest.json", json.dumps(manifest, indent=2) + "\n")
    return path


def _only_derived(canonical: Path) -> bool:
    """Whether there is no canonical file but one that came from the rich form."""
    source = str(_manifest(canonical.parent).get(canonical.name, {}).get("source", ""))
    return not canonical.is_file() or source.startswith("derived")


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    content = read_json(path) if path.is_file() else {}
    return content if isinstance(content, dict) else {}


def build(
    name: str,
    out: str | Path | None = None,
    *,
    ids: Iterable[str] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Derive ``chorales`` from an installed music21, without network.

    ``out``: the rich JSON goes to this file; None: the rich and the canonical form go into the
    corpora's folder.  ``ids`` restricts it to some pieces.  Where the canonical file is installed,
    every piece points to its copies there (``jsb``).  Pieces outside the canonical training and
    validation parts are marked ``test``.

    Raises DataError for another corpus or an unknown id, MissingExtraError without music21.
    """
    if _is_of_piano(name) or find_corpus(name).name != "chorales":
        how = f"Run partimento data {_how(name)}"
        raise DataError(f"the corpus {name!r} cannot be built", fix=how)
    records, dropped = build_chorales(ids, progress)
    if not records:
        raise DataError("no four-part chorale was found")
    _point_to_canonical(records)
    content = {
        "about": "Bach chorales with metadata, from the corpus inside music21",
        "pieces": records,
        "dropped": [list(item) for item in dropped],
    }
    report: dict[str, Any] = {"dropped": dict(dropped)}
    if out is not None:
        path = Path(out)
        write_atomic(path, json.dumps(content, separators=(",", ":"), ensure_ascii=False))
        return {**report, "corpus": name, "files": [str(path)], "pieces": len(records)}
    return {**report, **_install(CORPORA[name], content, "music21", source="music21")}


def _point_to_canonical(records: Sequence[Record]) -> None:
    """Fill ``jsb`` with (part, index) of canonical pieces that have the same intervals."""
    path = corpus_dir() / "chorales" / CORPORA["chorales"].files["canonical"]
    if _only_derived(path):
        return
    places: dict[bytes, list[list[Any]]] = {}
    canonical = check_form(read_json(path), "canonical", str(path))
    for split, grids in canonical.items():
        for i, grid in enumerate(grids):
            places.setdefault(voice_intervals(grid, _OPENING), []).append([split, i])
    for record in records:
        (grids,) = check_form({"pieces": [record]}, "rich", record["id"]).values()
        record["jsb"] = places.get(voice_intervals(grids[0], _OPENING), [])


def stats(name: str) -> dict[str, Any]:
    """Measures of an installed corpus, per file and part, and its duplicates.

    Raises DataError where the corpus is not here or a file no longer is what was stored.
    """
    if name == PERCEPIANO:
        return percepiano_stats()
    if name in PIANO_CORPORA:
        return piano_corpus_stats(name)
    corpus = find_corpus(name)
    corpus_path(name)
    folder = corpus_dir() / name
    manifest = _manifest(folder)
    report: dict[str, Any] = {"corpus": name, "licence": corpus.licence, "files": {}}
    for form, file in corpus.files.items():
        path = folder / file
        if not path.is_file():
            continue
        content = read_json(path)
        _check_stored(path, manifest)
        splits = check_form(content, form, str(path))
        report["files"][file] = {
            "source": manifest.get(file, {}).get("source", "unknown"),
            "known_content": _is_known(corpus, form, splits),
            "parts": {split: split_stats(grids) for split, grids in splits.items()},
            "duplicates": duplicates(splits),
            "dropped": content.get("dropped", []) if form == "rich" else [],
        }
    return report


def _check_stored(path: Path, manifest: Mapping[str, Any]) -> None:
    expected = manifest.get(path.name, {}).get("sha256")
    if expected and hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        raise DataError(
            "this file is not what was stored (its checksum differs)",
            where=str(path),
            fix="Add, build or fetch the corpus again",
        )


def fetch(name: str) -> dict[str, Any]:
    """Download a corpus from its public source, check its notes and store it.

    Raises DataError where there is no source, no connection, or other notes than expected.
    """
    import pooch

    if _is_of_piano(name) or find_corpus(name).url is None:
        how = f"Run partimento data {_how(name)}"
        raise DataError(f"the corpus {name!r} has no file to download", fix=how)
    corpus = find_corpus(name)
    url = str(corpus.url)
    pooch.get_logger().setLevel("WARNING")
    with tempfile.TemporaryDirectory() as folder:
        try:
            file = pooch.retrieve(
                url,
                known_hash=None,
                fname="download.json",
                path=folder,
                downloader=_download,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise DataError(
                f"the corpus {name!r} could not be downloaded from {url} ({reason})",
                fix=f"Check the connection, or run partimento data {corpus.how}",
            ) from None
        content = read_json(file)
    # The checksum is of the notes, which the file's bytes alone would not let one compare.
    form = recognise(content, url)
    if not _is_known(corpus, form, check_form(content, form, url)):
        raise DataError(
            f"the file at {url} has other notes than expected and was not stored",
            fix="Download it yourself, look at it, and run partimento data add",
        )
    return _install(corpus, content, url, source=url)


def _download(url: str, output_file: Any, _pooch: object) -> None:
    """Downloader for pooch: with a time limit and no more than ``DATA_BYTES``."""
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SEC) as answer, open(output_file, "wb") as f:
        received = 0
        while block := answer.read(1 << 16):
            received += len(block)
            if received > DATA_BYTES:
                raise ValueError(f"more than {size_text(DATA_BYTES)}")
            f.write(block)
