from agiwo.mcp.lines import Lines, Overlong


def test_lines_come_out_whole_however_they_were_cut():
    text = b"one\ntwo\n\nthree\nfo"
    for size in range(1, len(text) + 1):
        lines = Lines(100)
        pieces = [text[start : start + size] for start in range(0, len(text), size)]

        assert [line for piece in pieces for line in lines.feed(piece)] == [b"one", b"two", b"", b"three"]
        assert lines.size == 2


def test_of_a_line_that_is_too_long_the_ends_are_kept_however_it_was_cut():
    line = b"a" * 2000 + b"b" * 2000
    for size in (1, 7, 1000, 5000):
        lines = Lines(1500)
        text = line + b"\nnext\n"
        found = [each for start in range(0, len(text), size) for each in lines.feed(text[start : start + size])]

        assert found == [Overlong(b"a" * 1024, b"b" * 1024, 4000), b"next"]
