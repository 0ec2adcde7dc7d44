"""Text that every reader can decode. Cuts nothing."""


def decodable(text: str) -> str:
    """The text, with the sign for no character where half of a pair stands alone; most texts come back as they are."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
