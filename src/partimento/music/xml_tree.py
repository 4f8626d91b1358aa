"""XML from outside as a small tree of nodes, read through defusedxml within fixed limits."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from partimento.core.errors import InputFileError

MAX_DEPTH = 40
"""Deepest nesting; MusicXML itself needs about twelve levels."""
MAX_NODES = 600_000
"""What 10 MB of dense MusicXML hold; hostile files have more in the same space."""
_NO_ATTRIBUTES: dict[str, str] = {}
_NO_CHILDREN: tuple[Node, ...] = ()


class Node:
    """One element: ``tag`` without namespace, attributes, stripped text and child elements."""

    __slots__ = ("attributes", "children", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.text = ""
        self.children: list[Node] | tuple[Node, ...] = _NO_CHILDREN

    def get(self, name: str, default: str = "") -> str:
        """An attribute's value."""
        return self.attributes.get(name, default)

    def child(self, tag: str) -> Node | None:
        """The first child with this tag."""
        for node in self.children:
            if node.tag == tag:
                return node
        return None

    def all(self, tag: str) -> Iterator[Node]:
        """The children with this tag."""
        return (node for node in self.children if node.tag == tag)

    def child_text(self, tag: str, default: str = "") -> str:
        """The text of the first child with this tag."""
        node = self.child(tag)
        return default if node is None else node.text

    def find(self, *path: str) -> Node | None:
        """The node reached by first children of these tags."""
        node: Node | None = self
        for tag in path:
            node = None if node is None else node.child(tag)
        return node


class _Builder:
    """Target of the XML parser: builds nodes and stops at the limits."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._stack: list[Node] = []
        self._text: list[str] = []
        self._count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise InputFileError(f"this XML file has more than {MAX_NODES} elements")
        if len(self._stack) >= MAX_DEPTH:
            raise InputFileError(f"this XML file nests deeper than {MAX_DEPTH} levels")
        if tag[0] == "{":
            tag = tag.rpartition("}")[2]
        node = Node(tag, attributes or _NO_ATTRIBUTES)
        if self._stack:
            parent = self._stack[-1]
            if isinstance(parent.children, list):
                parent.children.append(node)
            else:
                parent.children = [node]
        else:
            self.root = node
        self._stack.append(node)
        self._text.clear()

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, tag: str) -> None:
        node = self._stack.pop()
        # Only leaves carry text in MusicXML: what stands between children is indentation.
        if self._text and not node.children:
            node.text = "".join(self._text).strip()
        self._text.clear()

    def close(self) -> Node:
        if self.root is None:
            raise InputFileError("this XML file is empty")
        return self.root


def parse_xml(data: bytes) -> Node:
    """The root node of an XML document; a DOCTYPE may stand there, entities may not.

    Raises InputFileError for broken XML, entity declarations, external references, and anything
    beyond the limits of depth and size.
    """
    from xml.etree.ElementTree import ParseError
    from xml.parsers.expat import ExpatError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    parser = DefusedXMLParser(target=_Builder(), forbid_dtd=False)
    try:
        parser.feed(data)
        root = parser.close()
    except DefusedXmlException as error:
        raise InputFileError(
            "this XML file declares entities or external references, which are not read",
            fix="Save it again from a music program",
        ) from error
    except (ParseError, ExpatError) as error:
        raise InputFileError(
            f"this is no well-formed XML ({error})", fix="Save it again from a music program"
        ) from error
    except (LookupError, ValueError) as error:
        raise InputFileError(
            f"the text encoding of this XML file cannot be read ({error})",
            fix="Save it as UTF-8",
        ) from error
    assert isinstance(root, Node)
    return root


def whole_number(text: str, what: str, low: int, high: int) -> int:
    """An integer within ``low`` to ``high``.

    Raises InputFileError, which names ``what``, for anything else.
    """
    try:
        # int() itself refuses nothing below thousands of digits, but no count here needs 12.
        value = int(text) if len(text) <= 12 else None
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise InputFileError(f"{what} is {text[:20]!r}; it must be a number from {low} to {high}")
    return value


def exact_number(text: str, what: str) -> Fraction:
    """A decimal number as a fraction (MusicXML allows ``<duration>1.5</duration>``)."""
    try:
        if len(text) > 15 or "/" in text or "e" in text.lower():
            raise ValueError
        return Fraction(text)
    except ValueError:
        raise InputFileError(f"{what} is {text[:20]!r}, which is no number") from None
