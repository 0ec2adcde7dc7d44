from itertools import pairwise

import h11
import pytest
from agiwo.llm.base import Timeouts
from agiwo.llm.chunked import ChunkMerger
from agiwo.llm.http import post
from agiwo.llm.post import Post
from agiwo.llm.refusal import Asked
from fake_provider import FakeProvider, says
from hypothesis import given
from hypothesis import strategies as st

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunked(pieces: list[bytes], end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%X;ext=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + end


def merged(stream: bytes, cuts: list[int]) -> list[bytes]:
    """What the merger makes of a stream that comes in these reads."""
    merger = ChunkMerger()
    bounds = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    return [*(merger.feed(stream[start:stop]) for start, stop in pairwise(bounds)), merger.end()]


def parsed(reads: list[bytes]) -> tuple[bytes, int, bool]:
    """The body, in how many pieces it came, and whether it was whole, as the HTTP client's parser sees it."""
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    parser.send(h11.EndOfMessage())
    body = list[bytes]()
    for read in filter(None, reads):
        parser.receive_data(read)
        while (event := parser.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Data):
                body.append(bytes(event.data))
            if isinstance(event, h11.EndOfMessage):
                return b"".join(body), len(body), True
    return b"".join(body), len(body), False


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=12),
    st.lists(st.integers(0, 700), max_size=30),
    st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"]),
)
def test_a_merged_body_is_the_same_body_however_it_is_read(pieces: list[bytes], cuts: list[int], before: bytes) -> None:
    body, _, is_whole = parsed(merged(before + HEAD + chunked(pieces), cuts))

    assert (body, is_whole) == (b"".join(pieces), True)


def test_the_chunks_of_one_read_become_one() -> None:
    _, count, _ = parsed(merged(HEAD + chunked([b"token"] * 100), []))

    assert count == 1


def test_a_chunk_that_came_in_part_is_passed_on_in_part() -> None:
    merger = ChunkMerger()

    assert merger.feed(HEAD + b"a\r\n01234") == HEAD + b"5\r\n01234\r\n"
    assert merger.feed(b"56789\r") == b"5\r\n56789\r\n"
    assert merger.feed(b"\n0\r\n\r\n") == b"0\r\n\r\n"


@pytest.mark.parametrize("size", [b"nonsense", b"-5", b"", b"5" * 5000])
def test_a_chunk_without_a_size_reaches_the_parser_which_refuses_it(size: bytes) -> None:
    with pytest.raises(h11.RemoteProtocolError):
        parsed(merged(HEAD + b"2\r\nok\r\n" + size + b"\r\nmore", []))


@given(st.lists(st.integers(0, 200), max_size=10))
def test_a_body_with_a_length_is_left_alone(cuts: list[int]) -> None:
    stream = b"HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n5\r\nno chunk, though\r\n"

    assert b"".join(merged(stream, cuts)) == stream


def test_a_head_that_never_ends_reaches_the_parser() -> None:
    merger = ChunkMerger()
    passed = b"".join(merger.feed(b"x" * 1024) for _ in range(200))

    assert passed == b"x" * 1024 * 200


def test_a_head_that_ends_in_bare_line_feeds_is_a_head() -> None:
    head = b"HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n"

    assert ChunkMerger().feed(head + chunked([b"a", b"b"])) == head + b"2\r\nab\r\n0\r\n\r\n"


def test_a_connection_serves_one_response_after_the_other() -> None:
    merger = ChunkMerger()
    once = [merger.feed(HEAD + chunked([b"a", b"b"])), merger.restart(), merger.feed(HEAD + chunked([b"c", b"d"]))]

    assert once == [HEAD + b"2\r\nab\r\n0\r\n\r\n", None, HEAD + b"2\r\ncd\r\n0\r\n\r\n"]


def test_what_was_held_back_is_told_at_the_end() -> None:
    assert merged(HEAD + b"2\r\nok\r\n7", [len(HEAD) + 7]) == [HEAD + b"2\r\nok\r\n", b"", b"7"]


def _to(provider: FakeProvider) -> Post:
    return Post(provider.base_url, b"{}", {}, Asked(host="here"), Timeouts())


@pytest.mark.anyio
async def test_the_client_reads_many_tokens_at_once() -> None:
    answer = says(*["token"] * 500)
    async with FakeProvider(answer) as provider, post(_to(provider)) as reply:
        blocks = [block async for block in reply.blocks]

    assert b"".join(blocks) == b"".join(answer.pieces)
    assert len(blocks) < 250
