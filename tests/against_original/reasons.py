"""Why the two sides may differ: the defects of the original that are not kept, and what the reference says is new."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One agreed difference: where it is written down and what it is."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def defect(row: int, what: str) -> Reason:
    """Return a row of the table "Defects of the original that are not kept"."""
    return Reason(f"defect {row}", what)


def text(section: str, what: str) -> Reason:
    """Return a difference that the text of the reference states."""
    return Reason(f"text, {section}", what)


ANONYMOUS_SESSION = defect(1, "an anonymous subscribe-session without a session ended the socket")
ANONYMOUS_SELF = defect(2, "anonymous SELF became part of a key")
SECOND_OF_ONE_READ = defect(3, "of two messages in one read the second waited for the next event")
BROKEN_UNDER_LOAD = defect(4, "partial writes corrupted frames")
CONNECTION_PER_SOCKET = defect(5, "one Redis connection per socket")
BROKEN_ANSWERS = defect(6, "403 and 400 answers failed on Django 3.2 and later")
COLLIDING_NAMES = defect(7, "names that hold a colon collided with other keys")
NO_ORIGIN_CHECK = defect(8, "no Origin check")

EQUALS_FORM = text("The URL is the protocol", "subscribe=broadcast is a second spelling")
ONE_SUBPROTOCOL = text("The URL is the protocol", "an offered subprotocol is returned, not the list of all offered")
EXPIRE_NONE_IS_NOT_KEPT = text("Where messages live", "WS4REDIS_EXPIRE = None means not kept")
BINARY_FRAMES = text("Where messages live", "bytes that are no UTF-8 go out as a binary frame")
EMPTY_MESSAGES = text("Where messages live", "empty messages are not published, where the original kept an empty value")
ANY_ITERABLE = text("RedisPublisher", "any iterable of names works, and the deprecated forms work")
ANY_MESSAGE = text("RedisPublisher", "str, bytes and RedisMessage all work")
PIPELINE = text("RedisPublisher", "pipeline_publish_message is not in 0.6.0")
TURNED_AWAY = text(
    "RedisSubscriber", "a hook that raises refuses the handshake; the original broke the socket after it"
)
MISSPELLED = text("RedisSubscriber", "the older, misspelled send_persited_messages is called, too; 0.6.0 does not")
NOT_CALLED = text("RedisSubscriber", "no Redis connection belongs to one socket, so parse_response is not called")
HEARTBEAT_ERROR = text("RedisMessage", "publishing None that came from a heartbeat is a clear error")
