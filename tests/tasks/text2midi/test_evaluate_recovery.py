import numpy as np
import pytest

from fake_text_model import FakeTextModel
from partimento.music.attributes import Attributes
from partimento.nn.sampling import Sampling
from partimento.tasks.text2midi.interface import Conditions, Wish
from partimento.tasks.text2midi.token_recovery import features, recovery_report

KINDS = (
    Attributes(meter="6/8", density="dense", register="high"),
    Attributes(meter="4/4", density="sparse", register="low"),
    Attributes(meter="3/4", density="medium", register="high"),
)


def labelled(count, seed, kinds=KINDS):
    wishes = [Wish(Conditions(kinds[i % 3]), 4) for i in range(count)]
    pieces = FakeTextModel().compose(wishes, seed=seed, sampling=Sampling(), guidance=3.0)
    return [(piece, i % 3) for i, piece in enumerate(pieces)]


def test_the_token_is_found_in_music_that_carries_it():
    nothing = [Attributes()] * 3
    generated = {"obeys": labelled(18, 3), "deaf": labelled(18, 4, nothing)}
    report = recovery_report(labelled(45, 1), labelled(18, 2), generated)
    assert report["ceiling"]["value"] > 0.9
    assert report["chance"] == pytest.approx(1 / 3)
    assert report["obeys"]["share_of_ceiling"] > 0.9
    assert report["deaf"]["normalised"] < 0.5 < report["obeys"]["normalised"]


def test_silent_music_carries_nothing():
    silent = [(p.select(np.zeros(0, dtype=np.int64)), k) for p, k in labelled(6, 5)]
    report = recovery_report(labelled(30, 1), labelled(6, 2), {"silent": silent})
    assert report["silent"]["value"] == 0.0


def test_one_token_is_no_task():
    with pytest.raises(ValueError, match="two semantic tokens"):
        recovery_report([(p, 0) for p, _ in labelled(6, 0)], [], {})


def test_features_are_finite_and_of_one_length():
    table = np.stack([features(piece) for piece, _ in labelled(6, 0)])
    assert np.isfinite(table).all()
