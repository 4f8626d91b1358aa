"""Only drawing passes: an SVG is rebuilt from a list of allowed elements and attributes.

What is left carries no script, no style sheet, no link, no picture and no reference outside the
document, so it can stand inside an HTML page under a strict content security policy.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from partimento.core.errors import InputFileError


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SVG_NAMESPACE = "http://www.w3.org/2000/svg"
_ELEMENTS = _names(
    "svg g defs symbol use path line polyline polygon rect circle ellipse text tspan title desc "
    "linearGradient stop clipPath pattern"
)
_ATTRIBUTES = _names(
    "id class role aria-label aria-labelledby aria-hidden focusable tabindex lang viewBox "
    "preserveAspectRatio version overflow x y x1 y1 x2 y2 cx cy r rx ry dx dy width height d "
    "points transform fill fill-opacity fill-rule stroke stroke-width stroke-dasharray "
    "stroke-linecap stroke-linejoin stroke-opacity opacity color font-family font-size font-style "
    "font-weight letter-spacing text-anchor dominant-baseline visibility offset stop-color "
    "stop-opacity gradientUnits gradientTransform clip-path clipPathUnits patternUnits"
)
_DATA_NAME = re.compile(r"data-[a-z0-9-]+")
_LOCAL_URL = re.compile(r"url\(\s*#[\w.:-]+\s*\)")
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
_MAX_DEPTH = 100

ElementTree.register_namespace("", SVG_NAMESPACE)


def parse_svg(text: str) -> Element:
    """The sanitised element tree of an SVG document.

    Raises InputFileError when the text is no SVG or nests deeper than 100 levels.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(text)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise InputFileError("this is no well-formed SVG", fix="Write the picture again") from error
    if _local_name(root) != "svg":
        raise InputFileError(f"this is no SVG but <{_local_name(root)}>")
    return _clean(root, 0)


def sanitise_svg(text: str) -> str:
    """The SVG with everything but drawing removed; see :func:`parse_svg`."""
    return to_text(parse_svg(text))


def to_text(element: Element) -> str:
    """An element as SVG text with the SVG name space as default."""
    return ElementTree.tostring(element, encoding="unicode")


def prefix_ids(element: Element, prefix: str) -> Element:
    """The tree with ``prefix`` before every id and every reference to one (in place).

    Several pictures can then share an HTML page.
    """
    for node in element.iter():
        if "id" in node.attrib:
            node.set("id", prefix + node.attrib["id"])
        for name, value in node.attrib.items():
            if name == "href":
                node.set(name, "#" + prefix + value[1:])
            elif name == "aria-labelledby":
                node.set(name, " ".join(prefix + part for part in value.split()))
            elif "url(" in value:
                node.set(name, re.sub(r"url\(\s*#", f"url(#{prefix}", value))
    return element


def _local_name(element: Element) -> str:
    """Name without name space; comments and processing instructions have none."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _clean(source: Element, depth: int) -> Element:
    if depth > _MAX_DEPTH:
        raise InputFileError(f"this SVG nests deeper than {_MAX_DEPTH} levels")
    copy = Element(f"{{{SVG_NAMESPACE}}}{_local_name(source)}", _attributes(source))
    copy.text, copy.tail = source.text, source.tail
    for child in source:
        if _local_name(child) in _ELEMENTS:
            copy.append(_clean(child, depth + 1))
    return copy


def _attributes(element: Element) -> dict[str, str]:
    kept = {}
    for name, value in element.attrib.items():
        if name in _HREFS and value.startswith("#"):
            kept["href"] = value
        elif _DATA_NAME.fullmatch(name) or (name in _ATTRIBUTES and _is_local(value)):
            kept[name] = value
    return kept


def _is_local(value: str) -> bool:
    """A colour or clip may point to a part of this document, never to another one."""
    return "url" not in value.lower() or _LOCAL_URL.fullmatch(value) is not None
