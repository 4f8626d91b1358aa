"""The pages: one shell, filled in the browser; and the files that belong to them."""

from __future__ import annotations

import html
from importlib import resources
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

from partimento.studio.api import NotFoundError

router = APIRouter(include_in_schema=False)

PAGES: dict[str, str] = {
    "": "Home",
    "compose": "Compose",
    "harmonise": "Harmonise",
    "continue": "Continue",
    "critique": "Critique",
    "picture": "Picture",
    "doctor": "Doctor",
    "models": "Models",
    "history": "History",
    "reference": "API",
}
"""Path of a page -> its name."""
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


def static_folder() -> Path:
    """Where the files of the pages lie in the package."""
    return Path(str(resources.files("partimento.studio"))) / "static"


def page_html(path: str) -> str:
    """The shell of a page: title, navigation, an empty main part."""
    name = PAGES[path]
    title = "partimento studio" if not path else f"{name} - partimento studio"
    links = "\n".join(
        f'<li><a href="/{key}"{" aria-current=page" if key == path else ""}>'
        f"{html.escape(label)}</a></li>"
        for key, label in PAGES.items()
    )
    shell = (static_folder() / "shell.html").read_text(encoding="utf-8")
    return (
        shell.replace("{{title}}", html.escape(title))
        .replace("{{links}}", links)
        .replace("{{page}}", path or "home")
    )


def _add_page(path: str) -> None:
    def page() -> HTMLResponse:
        return HTMLResponse(page_html(path))

    router.get(f"/{path}", name=f"page {path}")(page)


for _path in PAGES:
    _add_page(_path)


@router.get("/favicon.ico")
def favicon() -> Response:
    """The little picture that browsers ask for by themselves."""
    return FileResponse(static_folder() / "icon.svg", media_type="image/svg+xml")


@router.get("/static/{name:path}")
def static(name: str) -> Response:
    """A file of the pages; only those that came with the package."""
    if name not in _static_names():
        raise NotFoundError("there is no such file", where=name[:80])
    path = static_folder() / name
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"cache-control": "no-cache"})


def _static_names() -> frozenset[str]:
    root = static_folder()
    return frozenset(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.suffix in _TYPES and path.is_file()
    )
