"""Files as answers: the right type, and no rights for what is shown."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import FileResponse

_TYPES = {
    ".mid": "audio/midi", ".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg",
    ".mp3": "audio/mpeg", ".png": "image/png", ".svg": "image/svg+xml",
    ".musicxml": "application/vnd.recordare.musicxml+xml", ".json": "application/json",
    ".mxl": "application/vnd.recordare.musicxml", ".html": "text/html; charset=utf-8",
    ".abc": "text/plain; charset=utf-8", ".krn": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}  # fmt: skip
_SHOWN = frozenset({".wav", ".flac", ".ogg", ".mp3", ".png", ".svg", ".json", ".html"})
"""What a browser may show; everything else is saved."""
# A picture or page that a job wrote runs in an origin of its own: it cannot reach the studio.
_POLICY = {
    ".svg": "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    ".html": (
        "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
        "style-src 'unsafe-inline'; img-src data:; media-src data: blob:; font-src data:; "
        "frame-ancestors 'none'"
    ),
}
_NOTHING = "sandbox; default-src 'none'; frame-ancestors 'none'"


def file_answer(path: Path, name: str, *, download: bool) -> FileResponse:
    """The file, to be shown where that is safe, else to be saved as ``name``."""
    suffix = path.suffix.lower()
    how = "inline" if suffix in _SHOWN and not download else "attachment"
    return FileResponse(
        path,
        media_type=_TYPES.get(suffix, "application/octet-stream"),
        filename=name,
        content_disposition_type=how,
        headers={"content-security-policy": _POLICY.get(suffix, _NOTHING)},
    )
