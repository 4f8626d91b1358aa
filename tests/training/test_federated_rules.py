import numpy as np
import pytest

from partimento.training.federated_exchange import (
    NO_ANSWER,
    Fault,
    LocalExchange,
    Request,
)
from partimento.training.federated_rules import (
    ServerRule,
    as_float16,
    decode,
    encode,
    fault_of,
    payload_bytes,
    too_long,
    weighted_mean,
)

LIKE = {"a": np.zeros((2, 3), np.float32), "b": np.zeros(4, np.float32)}


def update(value=1.0):
    return {name: np.full(array.shape, value, np.float32) for name, array in LIKE.items()}


def test_arrays_survive_the_wire_and_nothing_is_unpickled():
    sent = {"a": np.arange(6, dtype=np.float16).reshape(2, 3)}
    back = decode(encode(sent))
    assert back["a"].dtype == np.float16 and np.array_equal(back["a"], sent["a"])
    assert payload_bytes(sent) == 128 + 12
    with pytest.raises(ValueError):
        encode({"a": np.array([{}], dtype=object)})


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ({"a": LIKE["a"]}, "instead of"),
        ({**LIKE, "b": np.zeros(3, np.float32)}, "shape"),
        ({**LIKE, "b": np.zeros(4, np.int64)}, "floating"),
        ({**LIKE, "b": np.array([0, 1, np.nan, 0], np.float32)}, "NaN"),
        ({**LIKE, "b": np.array([0, 1, np.inf, 0], np.float32)}, "NaN"),
    ],
)
def test_unusable_updates_are_named(bad, word):
    assert word in fault_of(bad, LIKE)
    assert fault_of(update(), LIKE) == ""


def test_float16_overflow_is_refused_not_averaged():
    assert "infinite" in fault_of(as_float16(update(1e6)), LIKE)


def test_absurd_lengths_stand_out_and_usual_ones_do_not():
    usual = {"x": update(1.0), "y": update(1.5), "z": update(0.4)}
    assert too_long(usual) == {}
    assert set(too_long({**usual, "w": update(100.0)})) == {"w"}
    assert set(too_long({"alone": update(1e4)})) == {"alone"}


def test_mean_is_weighted_by_clips():
    mean = weighted_mean({"x": update(1.0), "y": update(4.0)}, {"x": 2.0, "y": 1.0})
    assert np.allclose(mean["a"], 2.0) and mean["b"].dtype == np.float32
    with pytest.raises(ValueError, match="positive"):
        weighted_mean({"x": update()}, {"x": 0.0})


def test_adam_steps_by_its_rate_whatever_the_size_of_the_updates():
    for size in (0.1, 10.0):
        rule = ServerRule("adam", rate=0.01, tau=1e-9)
        new = rule.step(LIKE, update(size), 1)
        # m = 0.1 d and v = 0.01 d^2 after the first, corrected as after two.
        wanted = 0.01 * np.sqrt(1 - 0.99**2) / (1 - 0.9**2) * 0.1 / 0.1
        assert np.allclose(new["a"], wanted, rtol=1e-4)
    assert np.allclose(ServerRule().step(LIKE, update(0.5), 1)["b"], 0.5)


class Echo:
    def __init__(self, name):
        self.name = name

    def answer(self, request):
        if request.kind == "fail":
            raise RuntimeError("no data")
        return {"a": request.arrays["a"] + np.float32(1)}, {"clips": 3.0}


def test_an_exchange_returns_one_reply_each_whatever_happens_to_the_others():
    faults = (Fault("x", 2, "die"), Fault("y", 2, "nan"), Fault("z", 3, "shape"))
    exchange = LocalExchange([Echo("y"), Echo("x"), Echo("z")], faults)
    assert exchange.nodes == ("x", "y", "z")

    def ask(number, kind="train"):
        return exchange.ask(Request(kind, number, {"a": LIKE["a"]}), exchange.nodes)

    first = ask(1)
    assert [r.error for r in first] == ["", "", ""] and first[0].sent_bytes == 128 + 24
    assert first[1].numbers == {"clips": 3.0} and np.allclose(first[2].arrays["a"], 1)
    second = ask(2)
    assert second[0].error == NO_ANSWER and np.isnan(second[1].arrays["a"]).all()
    third = ask(3)
    assert third[0].error == NO_ANSWER and third[1].error == ""
    assert third[2].arrays["a"].shape == (5,)
    assert "no data" in ask(1, "fail")[0].error
