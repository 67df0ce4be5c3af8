"""Messages and their framing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.control_protocol import (
    LineBuffer,
    Progress,
    ProtocolProblem,
    decode_reply,
    decode_request,
    encode_failure,
    encode_progress,
    encode_request,
    encode_result,
)
from daemon.human import LINE_CHARACTERS_MAX


def test_a_request_comes_back_as_it_was() -> None:
    request = decode_request(encode_request("fsck", {"repair": True}))
    assert (request.command, request.arguments) == ("fsck", {"repair": True})


def test_arguments_may_be_left_out() -> None:
    assert decode_request(b'{"protocol":1,"command":"status"}').arguments == {}


def test_replies_come_back_as_they_were() -> None:
    good = decode_reply(encode_result({"a": [1, None]}))
    assert (good.ok, good.result, good.error) == (True, {"a": [1, None]}, None)
    bad = decode_reply(encode_failure("StoreLocked", "in use"))
    assert bad.error is not None
    assert (bad.ok, bad.error.kind, bad.error.text) == (False, "StoreLocked", "in use")
    way = decode_reply(encode_progress(Progress(1, 2, "inodes")))
    assert (way.ok, way.progress) == (None, Progress(1, 2, "inodes"))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"protocol":1}',
        b'{"protocol":"1","command":"status"}',
        b'{"protocol":1,"command":null}',
        b'{"protocol":1,"command":"status","arguments":[]}',
        b'{"protocol":1,"command":"status","more":1}',
        b'{"protocol":1,"command":"st\xc3"}',
        b'{"protocol":1,"command":"x","arguments":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"protocol":1,"command":"x","arguments":{"a":1}',
    ],
)
def test_what_is_no_request(line: bytes) -> None:
    with pytest.raises(ProtocolProblem):
        decode_request(line)


@pytest.mark.parametrize("version", [0, 2, -1])
def test_another_version_is_told_what_to_do(version: int) -> None:
    line = json.dumps({"protocol": version, "command": "status"}).encode()
    with pytest.raises(ProtocolProblem, match=f"speaks protocol 1, not {version}"):
        decode_request(line)


@pytest.mark.parametrize("line", [b'{"ok":false}', b'{"ok":true,"error":{"kind":"","text":""}}'])
def test_what_is_no_reply(line: bytes) -> None:
    with pytest.raises(ProtocolProblem):
        decode_reply(line)


@given(st.binary())
def test_any_bytes_are_a_request_or_refused(line: bytes) -> None:
    try:
        decode_request(line)
    except ProtocolProblem:
        return
    assert json.loads(line)["protocol"] == 1


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line)), st.data())
def test_lines_survive_any_cutting(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    cuts = data.draw(st.lists(st.integers(0, len(stream))).map(sorted))
    pieces = [
        stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
    ]
    buffer = LineBuffer(30)
    assert [line for piece in pieces for line in buffer.feed(piece)] == lines


def test_a_line_may_not_grow_for_ever() -> None:
    buffer = LineBuffer(10)
    assert buffer.feed(b"0123456789") == []
    with pytest.raises(ProtocolProblem, match="10 bytes"):
        buffer.feed(b"x")


def test_a_long_complete_line_is_refused_too() -> None:
    with pytest.raises(ProtocolProblem):
        LineBuffer(10).feed(b"a\n0123456789x\nb")


@given(text=st.text(max_size=50) | st.just("x" * 10_000) | st.just("\udcff\n\x1b[2J"))
def test_a_failure_is_one_line_whatever_it_quotes(text: str) -> None:
    line = encode_failure("NotFound", text)
    assert line.count(b"\n") == 1
    error = decode_reply(line).error
    assert error is not None
    assert error.text.isprintable()
    assert len(error.text) < LINE_CHARACTERS_MAX + 10
