"""Turns pickles on stdin into text on stdout: one answer per question.

Question: 1 byte (1 asks for JSON), 8 bytes big-endian length, the pickle.
Answer: 1 byte (0 JSON, 1 repr, 2 could not be unpickled), 8 bytes length, UTF-8 text.
"""

import json
import os
import pickle
import struct
import sys


def answer(wants_json, data):
    try:
        value = pickle.loads(data)
    except BaseException as error:
        return 2, f"{type(error).__name__}: {error}"
    if wants_json:
        try:
            return 0, json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            pass
    try:
        return 1, repr(value)
    except BaseException as error:
        return 1, f"<{type(value).__name__} object, whose repr raises {type(error).__name__}>"


def main():
    questions = sys.stdin.buffer
    # What loading a pickle prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        head = questions.read(9)
        if len(head) < 9:
            return
        wants_json, length = struct.unpack(">BQ", head)
        kind, text = answer(wants_json == 1, questions.read(length))
        encoded = text.encode("utf-8", "backslashreplace")
        answers.write(struct.pack(">BQ", kind, len(encoded)) + encoded)
        answers.flush()


main()
