"""Prices of the guide: key, cadences, rests."""

from __future__ import annotations

import numpy as np

from partimento.music.keys import Key
from partimento.music.rules import FORBIDDEN_NATS
from partimento.tasks.chorale.frames import LOW, SILENCE_TOKEN
from partimento.tasks.chorale.guidance import (
    CHROMATIC_NATS,
    FINAL_TONIC_NATS,
    FIRST_CHROMATIC_NATS,
    Guide,
    last_fermata,
    scale_classes,
)

G_MAJOR = Key.parse("G major")
BEFORE = np.array([[67, 62, 59, 55]])


def price(guide: Guide, voice: int, pitch: int, frame: int, now: list[int], before=BEFORE) -> float:  # type: ignore[no-untyped-def]
    costs = guide.penalties(before, np.array(now), voice, frame)
    assert costs is not None
    return float(costs[pitch - LOW])


def test_new_chromatic_notes_cost_and_held_ones_do_not() -> None:
    guide = Guide("free", None, G_MAJOR)
    now = [67, -2, -2, 55]
    inside, outside = price(guide, 1, 64, 5, now), price(guide, 1, 63, 5, now)
    assert np.isclose(outside - inside, CHROMATIC_NATS)
    held = np.array([[67, 63, 59, 55]])
    assert np.isclose(price(guide, 1, 63, 5, now, held), price(guide, 1, 64, 5, now, held))


def test_the_first_frame_is_dearer() -> None:
    guide = Guide("free", None, G_MAJOR)
    nothing = np.zeros((0, 4), dtype=np.int64)
    now = [67, -2, -2, 55]
    difference = price(guide, 1, 63, 0, now, nothing) - price(guide, 1, 62, 0, now, nothing)
    assert np.isclose(difference, FIRST_CHROMATIC_NATS)


def test_the_last_fermata_wants_the_tonic_in_the_bass() -> None:
    guide = Guide("strict", np.array([0, 1, 0, 0, 1, 1]), G_MAJOR)
    now = [67, -2, -2, -2]
    assert price(guide, 3, 48, 4, now) - price(guide, 3, 43, 4, now) >= FINAL_TONIC_NATS
    # Under an earlier fermata C in the bass is as good as G below a melody on G.
    assert price(guide, 3, 48, 1, now) == price(guide, 3, 43, 1, now)


def test_only_the_end_of_the_piece_wants_the_tonic() -> None:
    """A segment in the middle of a long piece has a last fermata too."""
    guide = Guide("strict", np.array([0, 1, 0, 0, 1, 1]), G_MAJOR, final=False)
    now = [67, -2, -2, -2]
    assert price(guide, 3, 48, 4, now) == price(guide, 3, 43, 4, now)


def test_a_melody_that_ends_off_the_tonic_chord_is_left_alone() -> None:
    guide = Guide("strict", np.array([1, 1]), G_MAJOR)
    assert price(guide, 3, 50, 1, [69, -2, -2, -2]) < FINAL_TONIC_NATS


def test_a_rest_is_forbidden_and_a_parallel_costs() -> None:
    guide = Guide("strict", None, G_MAJOR)
    costs = guide.penalties(BEFORE, np.array([69, -2, -2, 57]), 2, 3)
    assert costs is not None
    assert costs[SILENCE_TOKEN] == FORBIDDEN_NATS
    # Bass G3-A3, soprano G4-A4: the alto D4-E4 makes fifths with the bass.
    assert price(guide, 1, 64, 3, [69, -2, -2, 57]) >= FORBIDDEN_NATS


def test_scales_and_fermatas_by_hand() -> None:
    assert scale_classes(Key.parse("C major")) == [0, 2, 4, 5, 7, 9, 11]
    assert set(scale_classes(Key.parse("A minor"))) == {9, 11, 0, 2, 4, 5, 6, 7, 8}
    assert last_fermata(np.array([1, 1, 0, 1, 1, 1, 0])) == {3, 4, 5}
    assert last_fermata(np.zeros(4)) == frozenset()
    assert last_fermata(None) == frozenset()


def test_what_is_drawn_leads_well_into_what_is_given() -> None:
    """Soprano and tenor stay in the next frame; a fifth below the soprano now would be parallel."""
    following = np.array([[-1, -1, -1, -1], [69, -1, 62, -1]])
    now = [67, -2, -2, -2]
    without = Guide("strict", None, G_MAJOR)
    guide = Guide("strict", None, G_MAJOR, given=following)
    nothing = np.zeros((0, 4), dtype=np.int64)

    def dearer(pitch: int, voice: int = 2) -> float:
        return price(guide, voice, pitch, 0, now, nothing) - price(
            without, voice, pitch, 0, now, nothing
        )

    assert dearer(60) >= FORBIDDEN_NATS
    assert dearer(59) == 0
    # The alto is free in the next frame, and the last frame leads nowhere.
    assert dearer(60, voice=1) == 0
    assert price(guide, 2, 60, 1, now, nothing) == price(without, 2, 60, 1, now, nothing)
