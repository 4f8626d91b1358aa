"""Data of the five tasks as the doctor sees it: from files to findings."""

import json

import numpy as np
import pytest

import partimento.tasks.audio2visual.doctoring_data as sounds
import partimento.tasks.critique.doctoring_data as critique
from critique_clips import clip, scale_rows, write_played
from made_performances import another_take, random_piece, transposed, write_notes
from made_sounds import LABELS as ALL_LABELS
from made_sounds import write_clips
from made_tunes import write_tunes
from partimento.core.errors import ConfigError, DataError
from partimento.music.dimensions import NAMES
from partimento.tasks.doctoring import data_case, examine_data

LABELS = ALL_LABELS[:4]


def codes(task, folder, **options):
    found = examine_data(task, folder, **options)
    return {(one.code, one.severity) for one in found.findings}


def chorales(rng, count):
    """Four voices in quarters that walk about."""
    steps = rng.integers(-3, 4, (count, 40, 4)).cumsum(axis=1) % 17
    return (np.repeat(steps, 4, axis=1) + np.array([60, 55, 48, 40])).tolist()


def test_chorales_healthy_and_leaking(tmp_path):
    rng = np.random.default_rng(0)
    content = {"train": chorales(rng, 20), "valid": chorales(rng, 10)}
    path = tmp_path / "pieces.json"
    path.write_text(json.dumps(content))
    assert codes("chorale", tmp_path) == {("D4.dead-tokens", "info")}
    content["valid"][3] = [[cell + 2 for cell in frame] for frame in content["train"][7]]
    content["valid"][4] = content["train"][8]
    path.write_text(json.dumps(content))
    assert ("D2.leakage", "severe") in codes("chorale", path)


def test_the_chorales_known_near_copies(data_dir):
    found = examine_data("chorale", data_dir / "jsb" / "jsb16_train_valid.json")
    (leak,) = [one for one in found.findings if one.code == "D2.leakage"]
    assert leak.severity == "info"
    assert {pair["held_out"] for pair in leak.evidence["pairs"]} == {"valid-58", "valid-74"}


def test_hymns_have_no_parts(tmp_path):
    grid = chorales(np.random.default_rng(0), 1)[0]
    (tmp_path / "hymns.json").write_text(json.dumps({"pieces": [{"id": "a", "grid": grid}]}))
    facts = data_case("chorale", tmp_path / "hymns.json").data
    assert (len(facts.inputs), tuple(facts.split)) == (1, ())


def performances(folder, leaking):
    works = [random_piece(n, notes=200, tonic=n) for n in range(4)]
    rows = ["composer,title,folder,midi_performance,split"]
    for n, work in enumerate(works):
        for k in range(2):
            name = f"w{n}_{k}.mid"
            write_notes(another_take(transposed(work, 0), 10 * n + k), folder / name)
            part = "validation" if n == 3 or (leaking and n == 2 and k) else "train"
            # Under leaking the second take of a work goes by another name.
            title = f"other{n}" if leaking and k else f"w{n}"
            rows.append(f"me,{title},{title},{name},{part}")
    (folder / "performances.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_performances_of_a_work_under_two_names(tmp_path):
    healthy = codes("piano", performances(tmp_path / "a", leaking=False))
    assert healthy <= {("D4.dead-tokens", "info")}
    sick = performances(tmp_path / "b", leaking=True)
    (leak,) = [f for f in examine_data("piano", sick).findings if f.code == "D2.leakage"]
    assert leak.severity == "severe"
    ways = {row["compared"] for row in leak.evidence["ways"]}
    assert "notes" in ways and "piece" not in ways


def test_a_file_that_is_no_midi_is_dropped(tmp_path):
    folder = performances(tmp_path / "a", leaking=False)
    (folder / "w0_0.mid").write_bytes(b"nothing")
    assert ("D4.dropped", "warning") in codes("piano", folder)


PLAYERS = ("1", "2")


def rated_clips(folder):
    """Six passages by two players in the layout of PercePiano, all with one score."""
    for name in ("performances", "score_xml"):
        (folder / name).mkdir(parents=True)
    made = clip(folder)
    labels, rng = {}, np.random.default_rng(0)
    for passage in range(6):
        score = folder / "score_xml" / f"Work_4bars_Score_{passage}.musicxml"
        text = made.score.read_text()
        score.write_text(text.replace("<fifths>0<", f"<fifths>{passage}<"))
        for player in PLAYERS:
            key = f"Work_4bars_{player}_{passage}"
            loud = 40 + 10 * int(player) + passage
            write_played(folder / "performances" / f"{key}.mid", scale_rows(velocity=loud))
            labels[key] = [*rng.random(len(NAMES)).round(3).tolist(), 1]
    made.performance.unlink()
    made.score.unlink()
    (folder / "labels_mean.json").write_text(json.dumps(labels))
    return folder


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    return rated_clips(tmp_path_factory.mktemp("clips") / "data")


def test_score_only_features_repeat(rated, tmp_path):
    facts = critique.data_facts(rated, features="score-only", cache=tmp_path)
    assert len({one.tobytes() for one in facts.inputs}) == 6
    assert facts.labels.shape == (12, len(NAMES))
    played = critique.data_facts(rated, features="performance", cache=tmp_path)
    assert len({one.tobytes() for one in played.inputs}) == 12


def test_the_diarys_cause_is_named_first(rated, monkeypatch, tmp_path):
    monkeypatch.setenv("PARTIMENTO_HOME", str(tmp_path))
    found = examine_data("critique", rated, features="score-only", out=tmp_path / "out")
    assert found.findings[0].code == "D1.duplicate-inputs"
    assert found.findings[0].severity == "severe"
    assert found.exit_code == 1
    written = json.loads((tmp_path / "out" / "doctor.json").read_text())
    assert written["findings"][0]["code"] == "D1.duplicate-inputs"
    assert "D1.duplicate-inputs" in (tmp_path / "out" / "doctor.html").read_text()
    healthy = codes("critique", rated, features="performance")
    assert "D1.duplicate-inputs" not in {code for code, _ in healthy}


@pytest.mark.parametrize(
    "options", [{"features": "none"}, {"protocol": "none"}, {"protocol": "groups", "fold": 99}]
)
def test_options_of_the_critique(rated, tmp_path, options):
    with pytest.raises((ConfigError, DataError)):
        critique.data_facts(rated, cache=tmp_path, **options)


def test_whole_passages_are_drawn(rated, tmp_path):
    facts = critique.data_facts(rated, features="midi", cache=tmp_path, limit=5)
    passages = facts.groups["passage"]
    assert len(passages) == 4
    assert all(passages.count(name) == 2 for name in passages)


def test_sounds(tmp_path):
    write_clips(tmp_path, LABELS, per_class=4, seconds=1.0)
    facts = sounds.data_facts(tmp_path)
    assert facts.labels.shape == (16, 768)
    assert set(facts.split) == {"train", "valid"}
    assert not {c for c in codes("audio2visual", tmp_path) if c[1] != "info"}


def test_a_recording_in_two_folds(tmp_path):
    table, _ = write_clips(tmp_path, LABELS, per_class=4, seconds=1.0)
    text = table.read_text()
    for target in range(4):
        text = text.replace(f",{target}-3,", f",{target}-0,")
    table.write_text(text)
    assert ("D2.leakage", "severe") in codes("audio2visual", table)


def test_unknown_classes_have_numbers(tmp_path):
    table, _ = write_clips(tmp_path, LABELS, per_class=4, seconds=1.0)
    table.write_text(table.read_text().replace(LABELS[0], "Xylophone"))
    assert sounds.data_facts(tmp_path).labels.shape == (16,)


def test_tunes(tmp_path):
    write_tunes(tmp_path)
    case = data_case("text2midi", tmp_path)
    assert case.data.unknown_token is not None
    assert "D4.unknown" not in {code for code, _ in codes("text2midi", tmp_path)}


def test_what_cannot_be_examined(tmp_path):
    with pytest.raises(ConfigError, match="there is no task 'opera'"):
        examine_data("opera", tmp_path)
    with pytest.raises(ConfigError, match="chorale has no option features"):
        examine_data("chorale", tmp_path, features="midi")
    with pytest.raises(DataError, match="0 JSON files"):
        examine_data("chorale", tmp_path)
    with pytest.raises(DataError, match="0 CSV tables"):
        examine_data("audio2visual", tmp_path)


def test_a_drawn_part_says_so(tmp_path):
    content = {"train": chorales(np.random.default_rng(0), 12), "valid": []}
    (tmp_path / "p.json").write_text(json.dumps(content))
    case = data_case("chorale", tmp_path, limit=5, seed=3)
    assert len(case.data.inputs) == 5
    assert "drawn with seed 3" in case.name
