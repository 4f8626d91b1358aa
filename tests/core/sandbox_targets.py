"""Functions that misbehave on purpose, for test_sandbox.py."""

import ctypes
import os
import time

from partimento.core.errors import MusicError


def reverse(data, args):
    print("native chatter on stdout")
    return data[::-1] + args["tail"].encode()


def user_mistake(data, args):
    raise MusicError("too many voices", where="bar 3", fix="Remove one")


def parser_error(data, args):
    raise ValueError("bad byte")


def crash(data, args):
    os.kill(os.getpid(), 8)
    ctypes.string_at(0)


def spin(data, args):
    while True:
        pass


def sleep(data, args):
    time.sleep(60)


def hog(data, args):
    return bytes(10**10)


def write_file(data, args):
    with open(args["path"], "wb") as stream:
        stream.write(b"x")
    return b""


def leave(data, args):
    os._exit(0)
