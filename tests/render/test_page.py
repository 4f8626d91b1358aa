"""The HTML page: self-contained, safe for foreign text, and it agrees with the sound."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from musicxml_examples import piece

from partimento.core.errors import InputFileError
from partimento.music.score import Note, Part, Score, Tempo
from partimento.render import page, plots, sheet, sound

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
VOID = {"meta", "input", "br", "img"}
RATE = 8000


class Outline(HTMLParser):
    """Tags with their attributes, and whether the tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def four_parts(bars: int) -> Score:
    """One note per quarter in each part, at 120 quarters per minute, first note under a fermata."""
    notes = [
        Note(Fraction(q), Fraction(1), midi, part, fermata=q == 0)
        for q in range(4 * bars)
        for part, midi in zip("SATB", (72, 67, 60, 48), strict=True)
    ]
    parts = tuple(Part(name) for name in "SATB")
    return Score(parts, (), tempi=(Tempo(Fraction(0), 120.0),)).replace_notes(notes)


def full_page(text: str = "Title", stretch: float = 1.0) -> str:
    """A page with every kind of section, all of whose texts are ``text``."""
    engraving = sheet.engrave(piece(2, title=text, lyrics=text), guarded=False)
    score = page.score_section(
        text, four_parts(2), engraving, text=text, fermata_stretch=stretch, sample_rate=RATE
    )
    roll = plots.piano_roll_svg(plots.score_roll(four_parts(2)), title=text)
    wav = sound.wav_bytes(np.zeros(800, dtype=np.float32), RATE)
    return page.page_html(
        text,
        [
            score,
            page.FigureSection(text, [page.Figure(roll, text, follows=text)], text),
            page.TableSection(text, [text, "n", "ok"], [[text, 1.5, True], [None, 2, False]], text),
            page.AudioSection(text, wav, text),
            page.TextSection(text, [text]),
            page.LinkSection(text, [(text, "out 1.musicxml")]),
        ],
        lead=text,
    )


def test_page_nests_and_names_everything() -> None:
    outline = Outline(full_page())
    assert outline.open == []
    ids = [a["id"] for _, a in outline.tags if "id" in a]
    assert len(ids) == len(set(ids))
    tags = [tag for tag, _ in outline.tags]
    assert tags.count("h1") == 1 and tags.count("h2") == 6
    for tag, attributes in outline.tags:
        if tag == "section":
            assert attributes["aria-labelledby"] in ids
        if tag == "audio" or attributes.get("role") == "group":
            assert attributes["aria-label"]
        if tag == "a":
            assert (
                attributes["href"] in {"#main", "out%201.musicxml"} or attributes["href"][1:] in ids
            )
    assert ("html", {"lang": "en"}) in outline.tags


def test_policy_allows_exactly_the_shipped_script_and_style() -> None:
    text = full_page()
    policy = next(
        a["content"] for t, a in Outline(text).tags if "content" in a and "src" in a["content"]
    )
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    script = re.findall(r"<script>(.*?)</script>", text, re.S)
    style = re.findall(r"<style>(.*?)</style>", text, re.S)
    assert len(script) == len(style) == 1
    for kind, body in (("script", script[0]), ("style", style[0])):
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_nothing_is_loaded_from_outside() -> None:
    for tag, attributes in Outline(full_page()).tags:
        for name, value in attributes.items():
            assert not name.startswith("on") and name != "style", (tag, name)
            if name in {"src", "href", "xlink:href"}:
                local = (value or "").startswith(("#", "data:audio/wav;base64,", "out%201"))
                assert local, (tag, value)
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}


def test_hostile_text_stays_text() -> None:
    text = full_page(EVIL)
    outline = Outline(text)
    assert [tag for tag, _ in outline.tags].count("script") == 2
    assert "img" not in [tag for tag, _ in outline.tags]
    assert EVIL in outline.words
    data = re.search(r'id="page-data">(.*?)</script>', text, re.S)
    assert data is not None and json.loads(data[1])


def test_events_agree_with_the_sound_and_the_picture() -> None:
    text = full_page(stretch=2.0)
    (piece_data,) = json.loads(re.search(r'id="page-data">(.*?)</script>', text, re.S)[1])  # type: ignore[index]
    seconds = [event["sec"] for event in piece_data["events"]]
    # The first note lasts twice its half second; 0.05 s of silence come before it.
    assert seconds == pytest.approx([0.05, 1.05, 1.55, 2.05, 2.55, 3.05, 3.55, 4.05, 4.55])
    ids = {a["id"] for _, a in Outline(text).tags if "id" in a}
    named = {name for event in piece_data["events"] for name in event["on"] + event["off"]}
    assert len(named) == 32 and named <= ids


def test_sound_in_the_page_is_the_sound_of_the_score() -> None:
    text = full_page()
    encoded = re.search(r"data:audio/wav;base64,([^\"]+)", text)[1]  # type: ignore[index]
    wanted = sound.wav_bytes(sound.render_score(four_parts(2), RATE).mean(axis=1), RATE)
    assert base64.b64decode(encoded) == wanted


def test_two_scores_do_not_mix_their_ids() -> None:
    engraving = sheet.engrave(piece(1), guarded=False)
    one = page.score_section("One", four_parts(1), engraving, sample_rate=RATE)
    text = page.page_html("t", [one, replace(one, heading="Two")])
    ids = [a["id"] for _, a in Outline(text).tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_numbers_stand_to_the_right() -> None:
    text = page.page_html("t", [page.TableSection("T", ["a", "b"], [["x", 1.23456], ["y", 2]])])
    assert '<td class="number">1.235</td>' in text and "<td>x</td>" in text


def test_write_page(tmp_path: Path) -> None:
    target = page.write_page(tmp_path / "p.html", "Bäch", [page.TextSection("S", ["x"])])
    assert target.read_text(encoding="utf-8") == page.page_html(
        "Bäch", [page.TextSection("S", ["x"])]
    )


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "javascript:alert(1)",
        "//evil.example/a",
        "/etc/passwd",
        "../up",
        "",
        "a\\b",
    ],
)
def test_links_must_stay_beside_the_page(target: str) -> None:
    with pytest.raises(ValueError, match="relative"):
        page.page_html("t", [page.LinkSection("L", [("x", target)])])


def test_mistakes_of_the_caller_are_told() -> None:
    figure = page.Figure("<svg xmlns='http://www.w3.org/2000/svg'/>", follows="Nowhere")
    with pytest.raises(ValueError, match="Nowhere"):
        page.page_html("t", [page.FigureSection("F", [figure])])
    with pytest.raises(ValueError, match="2 cells"):
        page.page_html("t", [page.TableSection("T", ["a", "b"], [["x"]])])
    with pytest.raises(InputFileError):
        page.page_html("t", [page.FigureSection("F", [page.Figure("<html/>")])])


def test_script_runs_in_a_browser_under_the_policy(tmp_path: Path) -> None:
    """The cursor line exists only if the browser accepted the script's hash and ran it."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium to open the page with")
    target = tmp_path / "page.html"
    target.write_text(full_page(EVIL), encoding="utf-8")
    command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    result = subprocess.run(
        [*command, profile, target.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    assert re.search(r'<line class="cursor"', result.stdout)
