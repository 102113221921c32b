"""The settings that the checks need; both servers are started once for each."""

from tests.against_original.registry import Configuration

SITE = "tests.against_original.site"


def subscriber(name: str) -> Configuration:
    """Return the configuration with a subscriber class of the site's own."""
    return Configuration(name, {"WS4REDIS_SUBSCRIBER": f"{SITE}.subscribers.{name}"})


def rule(name: str) -> Configuration:
    """Return the configuration with a rule for channels, named by its dotted path."""
    return Configuration(name, {"WS4REDIS_ALLOWED_CHANNELS": f"{SITE}.hooks.{name}"})


PLAIN = Configuration("plain")
# A setting of ours alone; the original does not look at it.
OVER_REDIS = Configuration("over Redis", {"WS4CHANNELS_TRANSPORT": "redis"})
HEARTBEAT = Configuration("heartbeat", {"WS4REDIS_HEARTBEAT": "--heartbeat--"})
PREFIX = Configuration("prefix", {"WS4REDIS_PREFIX": "site-7"})
EMPTY_PREFIX = Configuration("empty prefix", {"WS4REDIS_PREFIX": ""})
STREAM_URL = Configuration("stream URL", {"WEBSOCKET_URL": "/stream"})
EXPIRE_ZERO = Configuration("expire 0", {"WS4REDIS_EXPIRE": 0})
EXPIRE_TEN = Configuration("expire 10", {"WS4REDIS_EXPIRE": 10})
EXPIRE_NONE = Configuration("expire None", {"WS4REDIS_EXPIRE": None})
RULE_BY_QUERY = rule("allow_by_query")
RULE_SIGNED_IN = rule("allow_signed_in")
RULE_DESCRIBE = rule("describe_request")
RULE_CALLABLE = Configuration(
    "rule as a callable", {"WS4REDIS_ALLOWED_CHANNELS": {"callable": f"{SITE}.hooks.allow_by_query"}}
)
TOKENS = Configuration("tokens", {"WS4REDIS_PROCESS_REQUEST": f"{SITE}.hooks.sign_in_by_token"})
TOKENS_CALLABLE = Configuration(
    "tokens by a callable", {"WS4REDIS_PROCESS_REQUEST": {"callable": f"{SITE}.hooks.sign_in_by_token"}}
)
ASSIGNED = Configuration("assigned settings")
LOBBY = subscriber("LobbySubscriber")
COPYING = subscriber("CopyingSubscriber")
GUARDING = subscriber("GuardingSubscriber")
EDITING = subscriber("EditingSubscriber")
MISSPELLING = subscriber("MisspellingSubscriber")
CALLING = subscriber("CallingSubscriber")
PARSING = subscriber("ParsingSubscriber")
