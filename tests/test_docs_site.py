"""The site without building it: navigation, links, anchors, nothing from other machines."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SITE = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]


def generator(name):
    path = DOCS / f"generate_{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prose(page):
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def slugs(page):
    """Anchors of a page's headings, as Python-Markdown makes them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        words = re.sub(r"[^\w\s-]", "", re.sub(r"[`*_]{1,2}(.+?)[`*_]{1,2}", r"\1", heading))
        found.add(re.sub(r"[\s-]+", "-", words.strip().lower()))
    return found


def entries(nav):
    for item in nav:
        for value in item.values():
            if isinstance(value, list):
                yield from entries(value)
            else:
                yield value


def test_the_navigation_has_every_page_once():
    assert sorted(entries(SITE["nav"])) == [p.relative_to(DOCS).as_posix() for p in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_links_lead_somewhere(page):
    for picture, target in LINK.findall(prose(page)):
        if "://" in target:
            assert not picture, f"{page.name}: a picture from another machine: {target}"
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        assert place.is_file(), f"{page.name}: {target}"
        assert DOCS in place.parents, f"{page.name}: {target} is outside of the site"
        if anchor and place.suffix == ".md":
            assert anchor in slugs(place), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_pages_ask_no_other_machine(page):
    assert not re.search(r"<(?:script|link|img|iframe)\b[^>]*https?://", prose(page))


def test_the_theme_asks_no_other_machine():
    assert SITE["theme"]["font"] is False
    assert not {"extra_javascript", "extra_css", "analytics"} & set(SITE)


def test_the_reference_of_functions_is_current():
    module = generator("python")
    assert (DOCS / "python.md").read_text(encoding="utf-8") == module.python_text(), (
        "run `make docs`"
    )
    assert f"\n## {module.REST}\n" not in module.python_text(), "give new twins a group"


def test_every_twin_is_in_the_reference_once():
    import partimento

    text = (DOCS / "python.md").read_text(encoding="utf-8")
    for name, place in partimento.TWINS.items():
        assert text.count(f"\n      heading: {name}\n") == 1, name
        assert f"\n::: {place.replace(':', '.')}\n" in text


def test_broken_links_would_be_found(tmp_path):
    assert "partimento-check" in slugs(DOCS / "commands.md")
    page = tmp_path / "page.md"
    page.write_text("# A `b` c\n\n[x](none.md)\n")
    assert slugs(page) == {"a-b-c"}
    with pytest.raises(AssertionError, match=r"none\.md"):
        test_links_lead_somewhere(page)
