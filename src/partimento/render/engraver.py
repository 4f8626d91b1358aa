"""The call into Verovio: MusicXML bytes in, raw SVG pages and a time map out.

Native code reads the file here, so :func:`engrave_job` has the shape that
:func:`partimento.core.sandbox.run_guarded` runs in a process of its own; the rest of
:mod:`partimento.render` never touches Verovio.
"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree

from partimento.core.errors import InputFileError

MAX_DENOMINATOR = 3840
"""Verovio's time map gives floats; this turns 1/3 and its like back into fractions."""
_SEED = 1
"""Seed of Verovio's element names: the same music gives the same SVG."""


def engrave_job(payload: bytes, args: dict[str, Any]) -> bytes:
    """Engrave MusicXML.

    ``args["width"]`` is the page width in Verovio units (a tenth of a millimetre of paper).
    Returns JSON: ``title``, ``composer``, ``pages`` (raw SVG each), ``events`` (time map) and
    ``onsets`` (note id to quarters from the start, as [numerator, denominator]).
    Raises InputFileError when the XML is hostile or holds no music that Verovio can read.
    """
    title, composer = _heading(payload)
    toolkit = _toolkit(int(args["width"]))
    if not toolkit.loadData(payload.decode("utf-8-sig", errors="replace")):
        raise InputFileError("the engraver finds no music in this MusicXML")
    pages = [toolkit.renderToSVG(page) for page in range(1, toolkit.getPageCount() + 1)]
    events = toolkit.renderToTimemap({"includeRests": False})
    return json.dumps(
        {
            "title": title,
            "composer": composer,
            "pages": pages,
            "events": [_event(e) for e in events],
            "onsets": _onsets(toolkit, pages, events),
        }
    ).encode()


def _heading(payload: bytes) -> tuple[str, str]:
    """Title and composer as the file states them."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(payload)
    except DefusedXmlException as error:
        raise InputFileError("the XML declares entities, which is not allowed") from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputFileError(f"this is no well-formed XML ({error})") from error
    title = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    creators = root.findall("identification/creator")
    composer = [c.text for c in creators if c.get("type") == "composer" and c.text]
    return " ".join(title.split()), " ".join(" ".join(composer).split())


def _toolkit(width: int) -> Any:
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.resetXmlIdSeed(_SEED)
    toolkit.setOptions(
        {
            "pageWidth": width,
            "pageHeight": 60000,
            "pageMarginTop": 30,
            "adjustPageHeight": True,
            "scale": 40,
            "header": "none",
            "footer": "none",
            "expandNever": True,  # the sound plays the page once, so must the time map
            "svgViewBox": True,
            "svgRemoveXlink": True,
            "svgFormatRaw": True,  # white space inside text moves it in some renderers
            "svgAdditionalAttribute": ["staff@n", "layer@n"],
        }
    )
    return toolkit


def _event(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "quarter": float(event["qstamp"]),
        "sec": float(event["tstamp"]) / 1000.0,
        "on": [str(i) for i in event.get("on", [])],
        "off": [str(i) for i in event.get("off", [])],
    }


def _onsets(
    toolkit: Any, pages: list[str], events: list[dict[str, Any]]
) -> dict[str, tuple[int, int]]:
    """Onset of every note head in quarters, as numerator and denominator.

    Verovio finds an element by walking over the whole piece, so only the heads that the time map
    leaves out (the later ones of a tie) are asked for one by one.
    """
    from defusedxml.ElementTree import fromstring

    onsets = {
        str(name): Fraction(event["qstamp"]).limit_denominator(MAX_DENOMINATOR)
        for event in events
        for name in event.get("on", [])
    }
    for page in pages:
        for element in fromstring(page).iter():
            name = element.get("id", "")
            if name in onsets or "note" not in element.get("class", "").split():
                continue
            numerator, denominator = (toolkit.getTimesForElement(name).get("qfracOn") or [[0, 1]])[
                0
            ]
            onsets[name] = Fraction(numerator, denominator or 1)
    return {name: (onset.numerator, onset.denominator) for name, onset in onsets.items()}
