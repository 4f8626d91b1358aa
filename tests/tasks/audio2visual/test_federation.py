import json
from pathlib import Path

import numpy as np
import pytest
import torch

from made_sounds import made_sound, write_clips
from partimento.core.errors import ConfigError, DataError, InputFileError, MissingExtraError
from partimento.music.audio import Sound
from partimento.tasks.audio2visual import federation_adapter as adapter
from partimento.tasks.audio2visual.federation import federate
from partimento.tasks.audio2visual.federation_config import load_federation, read_node
from partimento.tasks.audio2visual.federation_embedding import WIDTH, embed
from partimento.tasks.audio2visual.federation_node import Heard, SoundNode
from partimento.tasks.audio2visual.federation_server import Server
from partimento.training.federated_exchange import Fault, LocalExchange, Request

CLASSES = ("Baby cry", "Chainsaw", "Clock tick", "Dog bark", "Rain", "Rooster")
OWNED = {"a": CLASSES[:2], "b": CLASSES[2:4], "c": CLASSES[4:]}


def node_values(name, **changes):
    data = {"csv": "clips.csv", "audio": "audio", "folds": [1]}
    return {"name": name, "classes": list(OWNED[name]), "data": data, "seed": 1} | changes


@pytest.fixture
def recipe(tmp_path):
    """A federation of three nodes with disjoint classes, its table without sounds."""
    for name in OWNED:
        (tmp_path / f"{name}.json").write_text(json.dumps(node_values(name)))
    file = tmp_path / "fed.yaml"
    file.write_text(
        "nodes: [a.json, b.json, c.json]\nhidden: 16\nrounds: 10\n"
        "evaluation: {csv: clips.csv, audio: audio, folds: [2]}\n"
    )
    return file


def clips_of(labels, count, seed):
    """Clouds around one centre per class."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).standard_normal((len(CLASSES), WIDTH)) * 0.4
    label_N = np.repeat([CLASSES.index(label) for label in labels], count)
    x_ND = centres[label_N] + rng.standard_normal((len(label_N), WIDTH))
    return Heard(x_ND.astype(np.float32) * 3 + 5, label_N)


def run(recipe, *overrides, faults=(), broken=None):
    """A federation on made statistics: rows of all rounds, log of events, nodes."""
    federation = load_federation(recipe, overrides)
    judge = clips_of(CLASSES, 20, 99)
    nodes = [
        SoundNode(node, clips_of(node.classes, 24, n), len(CLASSES), judge)
        for n, node in enumerate(federation.nodes)
    ]
    events = []
    exchange = LocalExchange(nodes if broken is None else broken(nodes), faults)
    outcome = Server(federation, exchange, judge, events.append).run()
    return outcome, events, nodes


def test_gradient_is_that_of_autograd():
    rng = np.random.default_rng(0)
    weights = adapter.start_weights(7, 5, 4, rng)
    weights = {n: a.astype(np.float64) for n, a in weights.items()}
    x, label, table = (
        rng.standard_normal((6, 7)),
        rng.integers(0, 4, 6),
        rng.standard_normal((4, 4)),
    )
    loss, gradient = adapter.loss_and_gradient(weights, x, label, table, 0.3)
    twin = {n: torch.tensor(a, requires_grad=True) for n, a in weights.items()}
    hidden = torch.nn.functional.gelu(torch.tensor(x) @ twin["w1_DH"] + twin["b1_H"])
    score = hidden @ twin["w2_HK"] + twin["b2_K"]
    off = score - score.mean(1, keepdim=True)
    wanted = torch.tensor(table)[label]
    off = off - (wanted - wanted.mean(1, keepdim=True))
    entropy = torch.nn.functional.cross_entropy(score, torch.tensor(label))
    slow = entropy + 0.15 * (off**2).mean()
    slow.backward()
    assert loss == pytest.approx(slow.item(), abs=1e-5)
    for name, array in gradient.items():
        assert np.allclose(array, twin[name].grad.numpy(), atol=1e-5), name


def test_proximal_pull_keeps_a_node_near_the_start():
    clips = clips_of(CLASSES[:2], 20, 0)
    start = adapter.start_weights(WIDTH, 8, 6, np.random.default_rng(0))

    def moved(mu):
        how = adapter.LocalTraining(5, 8, 0.02, mu)
        rng = np.random.default_rng(1)
        new, _ = adapter.train_locally(start, (clips.x_ND - 5) / 3, clips.label_N, how, rng)
        return sum(float(((new[n] - start[n]) ** 2).sum()) for n in start) ** 0.5

    assert moved(20.0) < 0.5 * moved(0.0)


def test_fedprox_on_disjoint_classes_learns_all_of_them_within_the_payload(recipe):
    outcome, _, _ = run(recipe)
    last = outcome.rows[-1]
    assert last["pooled_accuracy"] > 0.9 and last["dropped"] == {}
    assert min(last["accuracy_on_the_classes_of"].values()) > 0.8
    assert 0 < max(last["sent_bytes"].values()) < 20_000
    again, _, _ = run(recipe)
    assert all(np.array_equal(again.weights[n], a) for n, a in outcome.weights.items())


def test_statistics_are_those_of_all_clips_together(recipe):
    outcome, _, _ = run(recipe, "rounds=1")
    x = np.concatenate([clips_of(own, 24, n).x_ND for n, own in enumerate(OWNED.values())])
    assert np.allclose(outcome.mean_D, x.mean(0), atol=1e-4)
    assert np.allclose(outcome.std_D, x.std(0), rtol=1e-3)


@pytest.mark.parametrize("kind", ["nan", "shape", "norm", "die"])
def test_a_bad_node_does_not_spoil_the_round(recipe, kind):
    clean, _, _ = run(recipe)
    outcome, _, _ = run(recipe, faults=(Fault("b", 5, kind),))
    fifth = outcome.rows[4]
    assert list(fifth["dropped"]) == ["b"] and fifth["remembered"] == ["b"]
    assert np.isfinite(outcome.weights["w1_DH"]).all()
    # One bad round of one node costs little; its last good update has stood in.
    difference = clean.rows[-1]["pooled_accuracy"] - outcome.rows[-1]["pooled_accuracy"]
    assert difference < 0.1
    assert ("b" in outcome.rows[5]["sent_bytes"]) == (kind != "die")


def test_without_memory_the_classes_of_a_dead_node_are_forgotten(recipe):
    dead = (Fault("b", 2, "die"),)
    kept, _, _ = run(recipe, faults=dead)
    lost, _, _ = run(recipe, "server.remember=false", faults=dead)
    of_b = [o.rows[-1]["accuracy_on_the_classes_of"]["b"] for o in (kept, lost)]
    assert of_b[0] > of_b[1] + 0.1


def test_statistics_that_lie_are_refused(recipe):
    class Liar:
        name = "a"

        def answer(self, request):
            return {"sum_D": np.full(WIDTH, np.nan), "squares_D": np.zeros(WIDTH)}, {"clips": 3.0}

    outcome, events, _ = run(recipe, "rounds=2", broken=lambda nodes: [Liar(), *nodes[1:]])
    assert events[0]["node"] == "a" and "NaN" in events[0]["why"]
    assert set(outcome.rows[0]["sent_bytes"]) == {"b", "c"}
    with pytest.raises(DataError, match="no node"):
        run(recipe, broken=lambda nodes: [Liar()])


def test_too_large_a_payload_is_refused(recipe):
    outcome, _, _ = run(recipe, "rounds=1", "largest_payload=1000")
    assert len(outcome.rows[0]["dropped"]) == 3
    assert "largest_payload" in outcome.rows[0]["dropped"]["a"]


def test_adapters_stay_with_standalone_and_distilled(recipe):
    outcome, _, nodes = run(recipe, "strategy=standalone", "rounds=3")
    assert outcome.weights == {} and set(nodes[0].adapter) == {"w1_DH", "b1_H", "w2_HK", "b2_K"}
    alone = outcome.rows[-1]["pooled_accuracy_of_node"]
    # A node that has seen a third of the classes cannot know more of them.
    assert max(alone.values()) <= 1 / 3 + 0.01
    distilled, _, others = run(recipe, "strategy=distilled", "rounds=3")
    assert not np.array_equal(others[0].adapter["w1_DH"], nodes[0].adapter["w1_DH"])
    assert max(distilled.rows[-1]["sent_bytes"].values()) < 2500


def test_a_node_does_only_what_it_knows(recipe):
    _, _, nodes = run(recipe, "rounds=1")
    with pytest.raises(ValueError, match="understand"):
        nodes[0].answer(Request("upload_clips", 1))


def test_embedding_is_finite_and_tells_sounds_apart_at_any_length():
    one, other = embed(made_sound("Rain", 1)), embed(made_sound("Clock tick", 1))
    assert one.shape == (WIDTH,) and one.dtype == np.float32
    near = np.abs(one - embed(made_sound("Rain", 2))).mean()
    assert near < 0.7 * np.abs(one - other).mean()
    for samples in (np.zeros(0), np.zeros(1600), np.ones(16_000 * 20) * 0.1):
        assert np.isfinite(embed(Sound(samples.astype(np.float32)))).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"clases": []}, "did you mean classes"),
        ({"classes": ["Rain", "Rain"]}, "twice"),
        ({"name": "../x"}, "name"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_node_files_are_checked(tmp_path, change, words):
    file = tmp_path / "node.json"
    file.write_text(json.dumps(node_values("a") | change))
    with pytest.raises(ConfigError, match=words):
        read_node(file)
    file.write_text("[1, 2")
    with pytest.raises(ConfigError, match="JSON"):
        read_node(file)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("strategy=fedadam", "server.rule"),
        ("nodes=[a.json, a.json]", "same name"),
        ("evaluation.folds=[1, 2]", "held-out fold 1"),
        ("faults=[{node: z, round: 1, kind: nan}]", "no node 'z'"),
        ("rate=-1", "rate"),
    ],
)
def test_recipes_that_contradict_themselves_are_refused(recipe, override, words):
    with pytest.raises(ConfigError, match=words):
        load_federation(recipe, [override])


def test_federate_writes_a_report_from_sounds_to_figures(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clips(tmp_path, labels=CLASSES, per_class=4, seconds=1.0)
    table = (tmp_path / "clips.csv").read_text().splitlines()
    folds = sorted({int(line.split(",")[1]) for line in table[1:]})
    for name in OWNED:
        values = node_values(name)
        values["data"]["folds"] = folds[:-1]
        (tmp_path / f"{name}.json").write_text(json.dumps(values))
    report = federate(
        recipe,
        [f"evaluation.folds=[{folds[-1]}]", "rounds=6"],
        simulate=True,
        out=tmp_path / "run",
    )
    kept = json.loads((tmp_path / "run" / "report.json").read_text())
    assert kept["pooled_accuracy"] == report["pooled_accuracy"] > 0.5
    assert report["disjoint_classes"] and len(report["centralised_curve"]) == 6
    assert report["text_space_top1"] == report["pooled_accuracy"]
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["round"] for line in lines] == [1, 2, 3, 4, 5, 6]


def test_without_flower_one_sentence_tells_what_to_do(recipe, tmp_path):
    try:
        import flwr  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtraError, match="pip install"):
            federate(recipe, out=tmp_path / "run")
        assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="--simulate"):
        federate(recipe, flower=True)


def test_without_recordings_the_recipe_hears_sounds_made_by_rule(tmp_path, monkeypatch):
    recipe = Path(__file__).parents[3] / "recipes" / "audio2visual" / "fed3.yaml"
    monkeypatch.chdir(tmp_path)
    report = federate(recipe, ["rounds=2"], simulate=True, out=tmp_path / "run")
    assert report["data"] == "sounds made by rule"
    assert report["pooled_accuracy"] > 0.5
    with pytest.raises(InputFileError):
        federate(recipe, ["evaluation.otherwise=stop"], simulate=True, out=tmp_path / "other")
