"""Framing: whatever the pieces in which bytes come, the same messages are found."""

import time
import tracemalloc

import orjson
import pytest
from agiwo_protocol import jsonrpc
from agiwo_protocol.errors import InvalidRequest, MessageTooLarge, ParseError, UnsupportedVersion
from agiwo_protocol.framing import MAX_HEADERS, Frame, Framing, Malformed, Style
from agiwo_protocol.preface import MAX_PREFACE, Preface
from hypothesis import given
from hypothesis import strategies as st

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
OBJECTS = st.dictionaries(st.text(max_size=5), SCALARS, max_size=4)
BODIES = st.lists(OBJECTS.map(orjson.dumps), min_size=1, max_size=8)
STYLES: list[Style] = ["newline", "content-length"]


def cut(stream: bytes, sizes: list[int]) -> list[bytes]:
    """The stream in pieces of these sizes, the rest as one."""
    pieces: list[bytes] = []
    for size in sizes:
        pieces.append(stream[:size])
        stream = stream[size:]
    return [*pieces, stream]


def read(framing: Framing, pieces: list[bytes]) -> list[Frame]:
    """All frames of a stream that ends."""
    return [frame for piece in pieces for frame in framing.feed(piece)] + framing.finish()


@given(bodies=BODIES, sizes=st.lists(st.integers(0, 30)), style=st.sampled_from(STYLES))
def test_any_chunking_gives_the_same_messages_in_either_framing(
    bodies: list[bytes], sizes: list[int], style: Style
) -> None:
    sender = Framing(style=style)
    stream = b"".join(sender.wrap(body) for body in bodies)
    receiver = Framing()
    assert read(receiver, cut(stream, sizes)) == bodies
    assert receiver.style == style
    assert receiver.wrap(b"{}") == sender.wrap(b"{}")


@given(bodies=BODIES, sizes=st.lists(st.integers(0, 30)), style=st.sampled_from(STYLES))
def test_an_opening_line_comes_before_the_messages_however_it_is_cut(
    bodies: list[bytes], sizes: list[int], style: Style
) -> None:
    opening = Preface("mcp", {"cwd": "/home/me & you", "token": "ü=%20"})
    sender = Framing(style=style)
    stream = opening.to_line() + b"".join(sender.wrap(body) for body in bodies)
    assert read(Framing(), cut(stream, sizes)) == [opening, *bodies]


@given(garbage=st.binary(max_size=200), sizes=st.lists(st.integers(0, 30)))
def test_garbage_gives_frames_or_typed_errors_and_nothing_else(garbage: bytes, sizes: list[int]) -> None:
    framing = Framing(limit=50)
    frames = read(framing, cut(garbage, sizes))
    assert frames == read(Framing(limit=50), [garbage])
    assert all(isinstance(frame, bytes | Preface | Malformed) for frame in frames)
    fatal = [place for place, frame in enumerate(frames) if isinstance(frame, Malformed) and frame.fatal]
    assert fatal in ([], [len(frames) - 1])


@given(before=BODIES, after=BODIES, sizes=st.lists(st.integers(0, 400)))
def test_a_line_that_is_too_long_is_reported_once_and_the_next_one_is_read(
    before: list[bytes], after: list[bytes], sizes: list[int]
) -> None:
    stream = b"\n".join([*before, b"x" * 1000, *after, b""])
    frames = read(Framing(limit=500), cut(stream, sizes))
    assert frames[: len(before)] == before
    refused = frames[len(before)]
    assert isinstance(refused, Malformed)
    assert isinstance(refused.error, MessageTooLarge)
    assert (refused.fatal, refused.error.data["limit"]) == (False, 500)
    assert frames[len(before) + 1 :] == after


def test_a_body_that_is_too_long_ends_a_content_length_connection_before_it_is_read() -> None:
    framing = Framing(limit=10)
    (refused,) = framing.feed(b"Content-Length: 11\r\n\r\n")
    assert isinstance(refused, Malformed)
    assert isinstance(refused.error, MessageTooLarge)
    assert refused.fatal
    assert framing.feed(b"{}\nContent-Length: 2\r\n\r\n{}") == []


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: ten\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: +1\r\n\r\n",
        b"Content-Length: \r\n\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n",
        b"Content-Length: 2\r\nContent-Length: two\r\n\r\n",
        b"Content-Type: json\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\n\r\n",
        b"C" * (MAX_HEADERS + 1),
    ],
)
def test_headers_without_a_usable_length_are_a_fatal_parse_error(headers: bytes) -> None:
    (lost,) = Framing().feed(headers)
    assert isinstance(lost, Malformed)
    assert isinstance(lost.error, ParseError)
    assert lost.fatal


def test_a_length_beyond_counting_is_too_large_and_not_a_riddle() -> None:
    (refused,) = Framing().feed(b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n")
    assert isinstance(refused, Malformed)
    assert isinstance(refused.error, MessageTooLarge)
    assert refused.fatal


def test_the_same_length_twice_is_that_length() -> None:
    assert Framing().feed(b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}") == [b"{}"]


def test_line_ends_between_bodies_are_nothing_however_many() -> None:
    framing = Framing()
    assert framing.feed(b"Content-Length: 2\r\n\r\n{}" + b"\r\n" * MAX_HEADERS) == [b"{}"]
    assert framing.feed(b"\nContent-Length: 2\r\n\r\n{}") == [b"{}"]


@pytest.mark.parametrize("behind", [b"{}\n", b"\x00", b"[", b" Content-Length: 2\r\n\r\n{}"])
def test_what_is_no_header_is_told_at_once_and_not_when_the_headers_would_end(behind: bytes) -> None:
    body, lost = Framing().feed(b"Content-Length: 2\r\n\r\n{}" + behind)
    assert body == b"{}"
    assert isinstance(lost, Malformed)
    assert isinstance(lost.error, ParseError)
    assert lost.fatal


@pytest.mark.parametrize("style", STYLES)
def test_a_message_that_comes_byte_by_byte_takes_no_more_room_than_its_size(style: Style) -> None:
    framing = Framing()
    framing.feed(Framing(style=style).wrap(b"x" * 300_000)[:40])
    piece = bytes(1)
    tracemalloc.start()
    for _ in range(200_000):
        framing.feed(piece)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 500_000


def test_headers_are_read_in_any_case_with_others_around_and_with_bare_newlines() -> None:
    stream = b"content-type: json\r\nCONTENT-LENGTH:  2\r\n\r\n{}Content-Length: 4\n\nnull"
    assert Framing().feed(stream) == [b"{}", b"null"]


def test_blank_lines_and_leading_blanks_are_no_messages() -> None:
    assert Framing().feed(b"\r\n  \n\n{}\r\n \t\n[]\n") == [b"{}\r", b"[]"]


def test_a_last_line_without_its_newline_counts_at_the_end_of_the_stream() -> None:
    framing = Framing()
    assert framing.feed(b'{}\n{"id"') == [b"{}"]
    assert framing.finish() == [b'{"id"']
    assert framing.finish() == []


def test_an_opening_line_of_another_version_is_refused_and_ends_the_connection() -> None:
    framing = Framing()
    (refused,) = framing.feed(b"AGIWOD/2 face=rpc\n{}\n")
    assert isinstance(refused, Malformed)
    assert isinstance(refused.error, UnsupportedVersion)
    assert refused.fatal
    assert framing.feed(b"{}\n") == []


@pytest.mark.parametrize(
    "line",
    [
        b"AGIWOD/1 face=" + b"x" * MAX_PREFACE,
        "AGIWOD/1 face=ü\n".encode(),
        b"AGIWOD/1 cwd=%\n",
        b"AGIWOD/1 cwd=%2\n",
        b"AGIWOD/1 cwd=%g0\n",
        b"AGIWOD/1 cwd=%ff\n",
        b"AGIWOD/1 face\n",
        b"AGIWOD/1 =rpc\n",
    ],
)
def test_an_opening_line_that_is_too_long_or_cannot_be_read_is_refused(line: bytes) -> None:
    (refused,) = Framing().feed(line)
    assert isinstance(refused, Malformed)
    assert isinstance(refused.error, InvalidRequest)
    assert refused.fatal


def test_only_the_first_line_can_be_an_opening_line() -> None:
    opening, again, body = Framing().feed(b"AGIWOD/1 face=acp\nAGIWOD/1 face=mcp\n{}\n")
    assert (opening, body) == (Preface("acp"), b"{}")
    assert isinstance(again, bytes)
    invalid = jsonrpc.read(again)
    assert isinstance(invalid, jsonrpc.Invalid)
    assert isinstance(invalid.error, ParseError)


def test_a_line_that_only_looks_like_an_opening_line_is_a_line() -> None:
    assert Framing().feed(b"AGI is near\n{}\n") == [b"AGI is near", b"{}"]


@pytest.mark.parametrize("style", STYLES)
def test_a_long_message_in_small_pieces_costs_time_in_proportion(style: Style) -> None:
    def seconds(size: int) -> float:
        stream = Framing(style=style).wrap(b"x" * size)
        pieces = [stream[start : start + 1024] for start in range(0, len(stream), 1024)]
        framing = Framing()
        begun = time.process_time()
        assert sum(len(framing.feed(piece)) for piece in pieces) == 1
        return time.process_time() - begun

    small = min(seconds(2**21) for _ in range(3))
    large = min(seconds(2**24) for _ in range(3))
    assert large < 40 * max(small, 0.0005)  # eight times the size; copying all at each piece would make it 64 times
