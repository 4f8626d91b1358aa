import json
from dataclasses import replace

import numpy as np
import pytest

from fake_sound_model import FakeSoundModel
from made_sounds import write_clips
from partimento.core.errors import DataError
from partimento.core.plain import plain
from partimento.tasks.audio2visual.bank import PromptBank
from partimento.tasks.audio2visual.concepts import CONCEPTS
from partimento.tasks.audio2visual.evaluate import evaluate, evaluate_audio2visual, hear
from partimento.tasks.audio2visual.hearing import read_folder

KEYS = ("accuracy", "text_space_top1", "r2_vs_constant", "diversity", "swapped_audio_keeps_label")
KNOWN = ("Rain", "Clock tick", "Rooster", "Chainsaw")


class Constant(FakeSoundModel):
    """Hears rain in everything, surely."""

    def listen(self, sounds):
        sure = np.eye(len(CONCEPTS))[CONCEPTS.index("Rain")]
        heard = super().listen(sounds)
        return [replace(h, label="Rain", confidence=1.0, weights_K=sure) for h in heard]


class Cheat(FakeSoundModel):
    """Reads the label off the name of the file instead of listening."""

    def __init__(self, clips):
        self.known = {str(clip.path): clip.category for clip in clips}

    def listen(self, sounds):
        heard = super().listen(sounds)
        return [replace(h, label=self.known[s.source]) for h, s in zip(heard, sounds, strict=True)]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return read_folder(*write_clips(tmp_path_factory.mktemp("a"), KNOWN, 4, 1.0))


@pytest.fixture(scope="module")
def bank():
    return PromptBank.builtin()


def test_a_model_that_hears(clips, bank):
    told = []
    report = evaluate(FakeSoundModel(), clips, bank, progress=lambda *step: told.append(step))
    assert report["n"] == 16
    assert report["accuracy"] >= 0.9
    assert report["text_space_top1"] >= 0.9
    assert report["r2_vs_constant"] > 0.8
    assert report["diversity"] == pytest.approx(1.0, abs=0.2)
    assert report["swapped_audio_keeps_label"] <= 0.1
    assert "unknown_auroc" not in report
    for key in KEYS:
        low, high = report["intervals"][key]
        assert low - 1e-9 <= report[key] <= high + 1e-9, key
    assert set(report["text_space"]) == {"clip", "t5"}
    assert [row["label"] for row in report["per_class"]] == [
        *("Rooster", "Rain", "Clock tick", "Chainsaw"),
    ]
    assert sum(row["n"] for row in report["per_fold"]) == 16
    assert np.sum(report["confusion"]["counts"]) == 16
    assert told[-1][0] == told[-1][1]
    json.dumps(plain(report), allow_nan=False)


def test_a_constant_model(clips, bank):
    report = evaluate(Constant(), clips, bank)
    assert report["accuracy"] == report["text_space_top1"] == 0.25
    assert report["diversity"] == 0.0
    assert report["r2_vs_constant"] < 0
    assert report["ece"] == pytest.approx(0.75)
    wrong = {row["label"]: row["taken_for"] for row in report["per_class"]}
    assert wrong == {"Rain": None, **dict.fromkeys(("Rooster", "Clock tick", "Chainsaw"), "Rain")}
    rain = report["confusion"]["heard_as"].index("Rain")
    assert np.array(report["confusion"]["counts"])[:, rain].sum() == 16


def test_a_model_that_does_not_listen_is_found_out(clips, bank):
    report = evaluate(Cheat(clips), clips, bank)
    assert report["accuracy"] == 1.0
    assert report["swapped_audio_keeps_label"] == 1.0


def test_unknown_sounds(clips, bank, tmp_path):
    strange = read_folder(*write_clips(tmp_path, ("Music", "Sea waves"), 3, 1.0))

    class Wary(FakeSoundModel):
        """Finds strange what it takes for one of two labels."""

        def listen(self, sounds):
            return [
                replace(h, unknown_score=float(odd), unknown=odd)
                for h in super().listen(sounds)
                for odd in [h.label in ("Music", "Sea waves")]
            ]

    report = evaluate(Wary(), clips, bank, strange)
    called = [h.unknown for h in hear(Wary(), strange)]
    assert report["unknown"]["called_unknown"] == pytest.approx(np.mean(called))
    wrongly = report["unknown"]["known_called_unknown"]
    assert report["unknown_auroc"] == pytest.approx((1 + np.mean(called) - wrongly) / 2)
    low, high = report["intervals"]["unknown_auroc"]
    assert low <= report["unknown_auroc"] <= high


def test_one_class_alone(bank, tmp_path):
    clips = read_folder(*write_clips(tmp_path, ("Rain",), 2, 0.5))
    report = evaluate(FakeSoundModel(), clips, bank)
    assert report["swapped_audio_keeps_label"] is None
    assert report["r2_vs_constant"] is None and report["diversity"] is None
    json.dumps(plain(report), allow_nan=False)


def test_categories_that_are_no_labels(bank, tmp_path):
    table, audio = write_clips(tmp_path, ("Rain",), 2, 0.2)
    table.write_text(table.read_text().replace(",Rain,", ",Snow,"))
    with pytest.raises(DataError, match=r"no labels of the model: Snow.*--unknown"):
        evaluate(FakeSoundModel(), read_folder(table, audio), bank)


def test_the_same_seed_gives_the_same_report(clips, bank):
    one, two = (evaluate(FakeSoundModel(), clips, bank, seed=4) for _ in range(2))
    for report in (one, two):
        del report["seconds_per_clip"]
    assert one == two


def test_from_files_to_figures(bank, tmp_path):
    table, audio = write_clips(tmp_path / "known", KNOWN[:2], 2, 0.5)
    strange = write_clips(tmp_path / "strange", ("Music",), 2, 0.5)
    bank.rows(CONCEPTS[:12]).save(tmp_path / "small.safetensors")
    model = FakeSoundModel()
    report = evaluate_audio2visual(table, audio, unknown=strange, weights=model)
    assert {*KEYS, "n", "unknown_auroc"} <= set(report)
    assert report["model"] == "fake" and report["bank"]["source"] == "builtin"
    with pytest.raises(Exception, match="no concept 'music"):
        evaluate_audio2visual(table, audio, bank=tmp_path / "small.safetensors", weights=model)
