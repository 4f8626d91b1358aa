"""What needs Flower: skipped where the extra [federated] is not installed."""

import os

import numpy as np
import pytest

from partimento.training import federated_loopback
from partimento.training.federated import NO_TELEMETRY, flower_aggregate, silence
from partimento.training.federated_rules import ServerRule, weighted_mean

silence()
flwr = pytest.importorskip("flwr", reason="Flower is not installed: pip install '.[federated]'")


def rounds_of_updates(count=4):
    rng = np.random.default_rng(0)
    shape = {"a": (3, 2), "b": (2,)}
    start = {n: rng.standard_normal(s).astype(np.float32) for n, s in shape.items()}
    updates = [
        {
            node: {n: 0.1 * rng.standard_normal(s).astype(np.float32) for n, s in shape.items()}
            for node in "xyz"
        }
        for _ in range(count)
    ]
    return start, updates, {"x": 96.0, "y": 72.0, "z": 72.0}


@pytest.mark.parametrize(
    ("theirs", "rule", "settings"),
    [
        ("FedAvg", ServerRule(), {}),
        ("FedProx", ServerRule(), {"proximal_mu": 0.1}),
        ("FedAdam", ServerRule("adam", 0.05), {"eta": 0.05}),
    ],
)
def test_our_servers_are_those_of_flower(theirs, rule, settings):
    start, updates, clips = rounds_of_updates()
    ours, adapters = start, []
    for number, members in enumerate(updates, start=1):
        adapters.append(
            {
                node: ({n: ours[n] + update[n] for n in ours}, clips[node])
                for node, update in members.items()
            }
        )
        ours = rule.step(ours, weighted_mean(members, clips), number)
    found = flower_aggregate(theirs, start, adapters, **settings)
    for name, array in ours.items():
        assert np.allclose(found[name], array, atol=1e-5), name


def test_telemetry_is_off():
    from flwr.supercore import telemetry

    assert telemetry.FLWR_TELEMETRY_ENABLED == "0"
    assert all(os.environ[name] == value for name, value in NO_TELEMETRY.items())


def test_free_ports_are_free_and_no_process_has_a_home_that_nobody_uses(tmp_path):
    assert 1024 <= federated_loopback.free_port() < 65536
    assert federated_loopback.stragglers(tmp_path) == []
