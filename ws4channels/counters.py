"""Count what this process opened, delivered, refused, dropped and closed.

>>> from ws4channels.counters import counts
>>> counts["sockets_opened"]
"""

from collections import Counter

__all__ = ["MEANINGS", "counts"]

MEANINGS = {
    "sockets_opened": "Websockets accepted.",
    "sockets_closed": "Websockets accepted that have ended since.",
    "deliveries": "Messages given to websockets, each counted once for each of them.",
    "bytes_delivered": "Bytes of the payloads given to websockets, each counted once for each of them.",
    "refused": "Handshakes and posts refused: by origin, by path, by the site's rules, or by the CSRF check.",
    "slow_clients_closed": "Websockets closed because their clients did not keep up.",
    "messages_dropped": "Messages that waited for slow clients when they were closed.",
    "too_large": "Websockets closed, and posts refused, because of a message above WS4CHANNELS_MAX_MESSAGE_SIZE.",
    "too_many_messages": "Websockets closed, posts refused, because of more than WS4CHANNELS_MAX_MESSAGES_PER_SECOND.",
    "too_many_keys": "Handshakes refused because of WS4CHANNELS_MAX_KEYS; they are among the refused.",
    "too_many_sockets": "Handshakes refused because of a session's or an address's limit; they are among the refused.",
    "closed_by_command": "Websockets closed by signing out or by close_sockets().",
    "close_commands_refused": "Close commands that were not signed with the site's SECRET_KEY.",
    "redis_failures": "Websockets closed because Redis or the channel layer did not answer.",
    "messages_refused": "Messages of clients that Redis refused to keep or to send.",
    "gaps": "How often messages may have been lost on their way here.",
    "reconnects": "How often the connection that receives was replaced.",
    "resent": "Messages read and sent after an outage, because they had not arrived.",
    "messages_recovered": "Messages lost on their way here that were read from Redis and delivered in their place.",
    "gaps_unfilled": "How often messages of a key were lost and could not be read from Redis.",
    "messages_unnumbered": "How often Redis refused the numbers of a message that was published.",
    "resumes": "Websockets of clients that came back and asked for what they had missed.",
    "resumes_complete": "Those of them that were sent all they had missed.",
    "resumes_incomplete": "Those of them that were told that messages may be missing.",
}
"""The names there are, with what each counts."""

counts: Counter[str] = Counter()
"""By the names in `MEANINGS`. Never reset."""
