from itertools import pairwise

import pytest
from agiwo.llm.sse import MAX_EVENT, EventTooLarge, SseSplitter
from hypothesis import given
from hypothesis import strategies as st

_NOISE = st.sampled_from([b": ping\n", b"event: message\n", b"id: 7\n", b"retry: 10\n", b"nonsense\n"])
_DATA = st.binary(max_size=30).map(lambda data: data.replace(b"\r", b"").replace(b"\n", b""))


@st.composite
def _events(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A stream of events, and the data of each."""
    stream, expected = b"", list[bytes]()
    for lines in draw(st.lists(st.lists(_DATA, max_size=3), max_size=8)):
        stream += b"".join(draw(st.lists(_NOISE, max_size=2)))
        stream += b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
        if lines:
            expected.append(b"\n".join(lines))
    return stream, expected


@given(_events(), st.lists(st.integers(0, 400), max_size=20), st.booleans())
def test_events_are_the_same_however_the_stream_is_cut(
    events: tuple[bytes, list[bytes]], cuts: list[int], has_carriage_returns: bool
) -> None:
    stream, expected = events
    if has_carriage_returns:
        stream = stream.replace(b"\n", b"\r\n")
    bounds = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    splitter = SseSplitter()

    found = [data for start, end in pairwise(bounds) for data in splitter.feed(stream[start:end])]

    assert found == expected


def test_a_space_after_the_colon_is_not_part_of_the_data() -> None:
    assert list(SseSplitter().feed(b"data:one\n\ndata: two\n\ndata:  three\n\n")) == [b"one", b"two", b" three"]


def test_a_byte_order_mark_before_the_first_line_is_passed_over() -> None:
    assert SseSplitter().feed(b"\xef\xbb\xbfdata: one\n\n") == [b"one"]


def test_an_event_without_its_blank_line_is_no_event_yet() -> None:
    splitter = SseSplitter()

    assert list(splitter.feed(b"data: half\n")) == []
    assert list(splitter.feed(b"\n")) == [b"half"]


def test_a_line_in_very_many_pieces_is_not_copied_for_each() -> None:
    splitter = SseSplitter()
    pieces = 100_000

    splitter.feed(b"data: ")
    for _ in range(pieces):
        splitter.feed(b"12345678")

    assert len(splitter.feed(b"\n\n")[0]) == 8 * pieces


@pytest.mark.parametrize("piece", [b"x" * 65536, b"data: " + b"x" * 65536 + b"\n"])
def test_an_event_that_never_ends_is_an_error(piece: bytes) -> None:
    splitter = SseSplitter()
    for _ in range(MAX_EVENT // 65536 - 1):
        splitter.feed(piece)

    with pytest.raises(EventTooLarge):
        splitter.feed(2 * piece)


def test_pings_alone_never_fill_the_splitter() -> None:
    splitter = SseSplitter()

    for _ in range(MAX_EVENT // 1000 + 10):
        splitter.feed(b":" + b"p" * 1000 + b"\n\n")

    assert list(splitter.feed(b"data: at last\n\n")) == [b"at last"]
