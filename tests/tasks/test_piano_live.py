"""Playing together: phrases, answers, interruptions, with ports and a clock made of lists."""

import sys
import threading
import types

import numpy as np
import pytest

from fake_piano import FakePiano
from partimento.core.errors import ConfigError, MissingExtraError
from partimento.nn.sampling import Sampling
from partimento.tasks.piano import live as live_module
from partimento.tasks.piano import loading
from partimento.tasks.piano.listening import LONGEST_KEY_SEC, PhraseListener
from partimento.tasks.piano.live import Conversation, Partner, live
from partimento.tasks.piano.ports import Playback, open_in, open_out


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Keyboard:
    """Plays messages at their times and remembers what it is sent."""

    def __init__(self, clock, messages):
        self.clock, self.messages = clock, [(100.0 + t, m) for t, m in messages]
        self.sent, self.closed = [], 0

    def poll(self):
        if self.messages and self.messages[0][0] <= self.clock():
            return self.messages.pop(0)[1]
        return None

    def send(self, message):
        self.sent.append((self.clock() - 100.0, tuple(message)))

    def close(self):
        self.closed += 1


def press(onset, end, pitch, velocity=70):
    return [(onset, (0x90, pitch, velocity)), (end, (0x80, pitch, 0))]


def talk(messages, *, turns=1, seconds=3.0, pause=1.0):
    clock = Clock()
    keyboard = Keyboard(clock, sorted(messages))
    partner = Partner(FakePiano(), Sampling(), "fp32", 0, round(seconds * 100))
    conversation = Conversation(partner, keyboard, keyboard, pause, clock, clock.sleep)
    conversation.run(turns)
    return keyboard, conversation, partner


def held_after(sent):
    down = set()
    for _, (_, pitch, velocity) in sent:
        (down.add if velocity else down.discard)(pitch)
    return down


def test_a_phrase_ends_with_a_pause():
    ear = PhraseListener(1.0)
    assert ear.hear((0x90, 60, 80), 10.0)
    assert ear.phrase(12.5) is None
    assert not ear.hear((0x90, 60, 0), 12.0)
    assert ear.hear((0x91, 64, 40), 12.1)
    assert not ear.hear((0x80, 64, 0), 12.5)
    assert ear.phrase(13.4) is None
    phrase = ear.phrase(13.6)
    assert phrase.onset.tolist() == [0, 2100] and phrase.offset.tolist() == [2000, 2500]
    assert phrase.pitch.tolist() == [60, 64] and phrase.velocity.tolist() == [80, 40]
    assert ear.phrase(20.0) is None


def test_the_pedal_lengthens_and_stays_down():
    ear = PhraseListener(0.5)
    ear.hear((0xB0, 64, 127), 0.0)
    ear.hear((0x90, 60, 80), 0.1)
    ear.hear((0x80, 60, 0), 0.3)
    ear.hear((0x90, 62, 80), 0.4)
    ear.hear((0x80, 62, 0), 0.9)
    assert ear.phrase(1.5).offset.tolist() == [800, 800]
    ear.hear((0x90, 60, 80), 3.0)
    ear.hear((0x80, 60, 0), 3.1)
    ear.hear((0xB0, 64, 0), 3.2)
    ear.hear((0x90, 61, 80), 3.3)
    ear.hear((0x80, 61, 0), 3.4)
    assert ear.phrase(5.0).offset.tolist() == [200, 400]


def test_a_lost_release_does_not_last_for_ever():
    ear = PhraseListener(0.5)
    ear.hear((0x90, 60, 80), 0.0)
    assert ear.phrase(LONGEST_KEY_SEC - 1) is None
    phrase = ear.phrase(LONGEST_KEY_SEC + 1)
    assert phrase.offset.tolist() == [1000 * LONGEST_KEY_SEC]


@pytest.mark.parametrize("message", [(), (0xF8,), (0xC0, 5), (0xE0, 0, 64), (0xB0, 1, 99)])
def test_other_messages_mean_nothing(message):
    ear = PhraseListener(0.5)
    assert not ear.hear(message, 1.0)
    assert ear.phrase(100.0) is None


def test_it_answers_after_the_pause_and_lets_go():
    keyboard, conversation, partner = talk([*press(0.5, 0.8, 60), *press(0.9, 1.3, 64)])
    (turn,) = conversation.turns
    assert turn["heard_notes"] == 2 and turn["played_notes"] > 0 and not turn["interrupted"]
    times = [time for time, _ in keyboard.sent]
    assert times == sorted(times)
    assert times[0] >= 2.3 and times[-1] <= 2.3 + 3.0 + 0.1
    assert held_after(keyboard.sent) == set()
    memory = partner.memory
    assert len(memory) == 2 + turn["played_notes"]
    assert memory.made.sum() == turn["played_notes"]


def test_a_key_interrupts_and_begins_the_next_phrase():
    messages = [*press(0.5, 0.8, 60), *press(3.0, 3.2, 72), *press(3.4, 3.6, 74)]
    keyboard, conversation, partner = talk(messages, turns=2, seconds=10.0)
    first, second = conversation.turns
    assert first["interrupted"] and first["played_seconds"] < 1.5
    assert second["heard_notes"] == 2 and second["heard_seconds"] == pytest.approx(0.6, abs=0.02)
    before = [item for item in keyboard.sent if item[0] <= 3.1]
    assert held_after(before) == set() == held_after(keyboard.sent)
    # What was never heard is not remembered either.
    made = partner.memory.select(partner.memory.made)
    assert len(made) >= second["played_notes"]
    assert (np.diff(partner.memory.onset) >= 0).all()


def test_the_answer_sees_the_whole_conversation():
    messages = [*press(0.5, 0.8, 60), *press(5.0, 5.2, 72)]
    _, conversation, partner = talk(messages, turns=2, seconds=2.0)
    first, second = partner.model.players
    assert first.primed[0].pitch.tolist() == [60]
    heard = second.primed[0]
    assert len(heard) == 2 + conversation.turns[0]["played_notes"]
    assert heard.pitch[-1] == 72 and heard.onset[0] == 0


def test_keys_are_sent_when_they_are_due_and_silence_follows_ctrl_c():
    clock = Clock()
    keyboard = Keyboard(clock, sorted(press(0.5, 0.8, 60)))
    partner = Partner(FakePiano(), Sampling(), "fp32", 0, 500)
    conversation = Conversation(partner, keyboard, keyboard, 1.0, clock, clock.sleep)
    send = keyboard.send

    def interrupt(message):
        send(message)
        if len(keyboard.sent) == 5:
            raise KeyboardInterrupt

    keyboard.send = interrupt
    with pytest.raises(KeyboardInterrupt):
        conversation.run()
    keyboard.send = send
    conversation.silence()
    assert held_after(keyboard.sent) == set()


def test_the_command_opens_and_closes_its_ports(monkeypatch):
    clock = Clock()
    keyboard = Keyboard(clock, sorted(press(0.5, 0.8, 60)))
    monkeypatch.setattr(live_module, "open_in", lambda name: keyboard)
    monkeypatch.setattr(live_module, "open_out", lambda name: keyboard)
    monkeypatch.setattr(loading, "load_piano", lambda *options: FakePiano())
    real = live_module.Conversation

    def timed(*parts, listener):
        return real(*parts, clock, clock.sleep, listener)

    monkeypatch.setattr(live_module, "Conversation", timed)
    told = []
    report = live(turns=1, seconds=2, listener=told.append)
    assert keyboard.closed == 2
    assert len(report["turns"]) == 1 and told[0]["event"] == "turn" and told[0]["number"] == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pause": 0}, "pause of 0"),
        ({"turns": 0}, "0 answers"),
        ({"seconds": 0}, "0 s are not"),
        ({"style": "loud"}, "no style"),
    ],
)
def test_impossible_options(options, words):
    with pytest.raises(ConfigError, match=words):
        live(**options)


def test_without_the_extra_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(MissingExtraError, match=r"python-rtmidi.*partimento\[live\]"):
        live()


class FakeDriver:
    names = ("Midi Through", "Stage Piano USB")

    def __init__(self):
        self.opened, self.sent = None, []

    def get_ports(self):
        return list(self.names)

    def open_port(self, number):
        self.opened = number
        return self

    def get_message(self):
        return ([0x90, 60, 1], 0.5) if self.opened is not None else None

    def send_message(self, message):
        self.sent.append(message)

    def close_port(self):
        self.opened = None


def test_ports_are_found_by_name(monkeypatch):
    driver = types.SimpleNamespace(MidiIn=FakeDriver, MidiOut=FakeDriver)
    monkeypatch.setitem(sys.modules, "rtmidi", driver)
    port = open_in("stage piano")
    assert port.port.opened == 1 and port.poll() == [0x90, 60, 1]
    port.close()
    assert port.poll() is None
    out = open_out(None)
    out.send((0x90, 60, 5))
    assert out.port.opened == 0 and out.port.sent == [[0x90, 60, 5]]
    with pytest.raises(ConfigError, match=r"no MIDI output port 'organ'.*Midi Through"):
        open_out("organ")
    monkeypatch.setattr(FakeDriver, "names", ())
    with pytest.raises(ConfigError, match="no MIDI input port"):
        open_in(None)

    def broken(self):
        raise SystemError("no sequencer")

    monkeypatch.setattr(FakeDriver, "get_ports", broken)
    with pytest.raises(ConfigError, match="no sequencer"):
        open_in(None)


def test_a_stream_is_played_in_time():
    clock = Clock()
    keyboard = Keyboard(clock, [])
    playback = Playback(keyboard, clock=clock, sleep=clock.sleep)
    for sec, pitch, velocity in ((20.0, 60, 90), (20.5, 60, 0), (21.25, 62, 80)):
        kind = "note_on" if velocity else "note_off"
        event = {"event": kind, "piece": 1, "sec": sec, "pitch": pitch, "velocity": velocity}
        playback.hear(event)
        playback.hear({**event, "piece": 2})
    playback.hear({"event": "end", "piece": 1, "sec": 30.0})
    before = threading.active_count()
    playback.finish()
    assert [round(time, 6) for time, _ in keyboard.sent] == [0.0, 0.5, 1.25]
    assert keyboard.sent[1][1] == (0x90, 60, 0)
    assert keyboard.closed == 1 and threading.active_count() <= before
