"""Text that every reader can decode, whoever it comes from. Cuts nothing."""


def decodable(text: str) -> str:
    """The text, with the sign for no character where half of a pair stands alone; most texts come back as they are."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def words_of(error: BaseException) -> str:
    """What an exception says, also one of somebody else's that says no text, or goes wrong when it is asked."""
    try:
        return decodable(str(error))
    except Exception:
        return "it cannot say what is wrong"
