"""Binary bodies."""

from __future__ import annotations

import pytest

from cloud import CloudException
from cloud._frames import Payload, blob_frame, encode, inline_frame, read_frames, read_header


def test_frames_come_back_as_they_went() -> None:
    body = b"".join(encode({"count": 2}, [inline_frame(b"abc"), inline_frame(b"")]))
    header, position = read_header(body)
    assert header == {"count": 2}
    assert [bytes(Payload.decode(frame).data) for frame in read_frames(body, position)] == [b"abc", b""]


def test_a_blob_is_named_by_hash_and_size() -> None:
    (frame,) = read_frames(blob_frame("ab" * 32, 1 << 40), 0)
    payload = Payload.decode(frame)
    assert (payload.hash, payload.size) == ("ab" * 32, 1 << 40)


def test_the_form_is_the_servers() -> None:
    assert inline_frame(b"abc") == b"\x00\x00\x00\x04\x00abc"
    assert (
        blob_frame("00" * 32, 258)
        == b"\x00\x00\x00\x29\x01" + bytes(32) + b"\x00\x00\x00\x00\x00\x00\x01\x02"
    )


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_a_cut_body_is_noticed(cut: int) -> None:
    body = b"".join(encode({"count": 1}, [inline_frame(b"abc")]))
    _, position = read_header(body)
    with pytest.raises(CloudException, match="ends inside a frame"):
        list(read_frames(body[:-cut], position))


def test_a_body_without_header_and_a_strange_payload_are_refused() -> None:
    with pytest.raises(CloudException, match="without a readable header"):
        read_header(b"\x00\x00")
    for strange in (b"", b"\x07abc", b"\x01short"):
        with pytest.raises(CloudException, match="unknown kind"):
            Payload.decode(memoryview(strange))
