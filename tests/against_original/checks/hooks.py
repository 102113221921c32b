"""WS4REDIS_ALLOWED_CHANNELS and WS4REDIS_PROCESS_REQUEST."""

from typing import Any

from tests.against_original.checks.configurations import (
    ASSIGNED,
    RULE_BY_QUERY,
    RULE_CALLABLE,
    RULE_DESCRIBE,
    RULE_SIGNED_IN,
    SITE,
    TOKENS,
    TOKENS_CALLABLE,
)
from tests.against_original.client import Side
from tests.against_original.reasons import BROKEN_ANSWERS
from tests.against_original.registry import Instead, check

REFUSED = Instead("refused without an answer", BROKEN_ANSWERS)


def effect(side: Side, query: str) -> list[str]:
    """Tell which of listening to and publishing to broadcast a socket with that query may do."""
    side.redis.flushall()
    socket = side.connect("room", query, settled=False)
    observer = side.connect("room", "subscribe-broadcast&rule=all")
    socket.send("published")
    published = observer.wait_for(1, patience=0.6)
    side.publish("room", "to listeners")
    observer.frames()
    may = {"publishes": published == ["published"], "listens": "to listeners" in socket.stray_frames()}
    return [name for name, can in may.items() if can]


BOTH = "publish-broadcast&subscribe-broadcast"
EFFECTS = {
    "all": ["publishes", "listens"],
    "set": ["publishes", "listens"],
    "tuple": ["publishes", "listens"],
    "generator": ["publishes", "listens"],
    "nothing": [],
    "listen": ["listens"],
}


@check(RULE_BY_QUERY, EFFECTS, quick=True)
def a_rule_decides_which_channels_a_socket_gets(side: Side) -> Any:
    """The rule returns those allowed, in any iterable; the socket is open even without any."""
    return {name: effect(side, f"{BOTH}&rule={name}") for name in EFFECTS}


@check(RULE_CALLABLE, EFFECTS)
def a_rule_may_be_given_as_a_callable(side: Side) -> Any:
    """The setting may hold the function itself."""
    return {name: effect(side, f"{BOTH}&rule={name}") for name in EFFECTS}


@check(RULE_BY_QUERY, ["listens"])
def a_rule_may_grant_what_was_not_asked_for(side: Side) -> Any:
    """The list that the rule returns is what counts."""
    return effect(side, "rule=more")


@check(RULE_BY_QUERY, [["subscribe-user", "publish-broadcast", "subscribe-broadcast"]])
def a_rule_is_given_the_channels_asked_for(side: Side) -> Any:
    """The second argument lists the names in the order of the query, without `echo` and unknown names."""
    side.connect("room", "Subscribe-User&echo&rule=nothing&publish-broadcast&x=y&subscribe-broadcast=1", settled=False)
    return side.records("channels")


@check(RULE_BY_QUERY, "refused with 403", original=REFUSED, quick=True)
def a_rule_that_denies_permission_gives_403(side: Side) -> Any:
    """PermissionDenied in the rule is HTTP status 403."""
    return side.visitor().knock("room", f"{BOTH}&rule=denied")


@check(
    RULE_BY_QUERY,
    dict.fromkeys(["bug", "none"], "refused with 500"),
    original=Instead(dict.fromkeys(["bug", "none"], "refused without an answer"), BROKEN_ANSWERS),
)
def a_rule_with_a_bug_lets_nobody_in(side: Side) -> Any:
    """Any other exception in the rule, or an answer that is no iterable, turns the client away."""
    return {name: side.visitor().knock("room", f"{BOTH}&rule={name}") for name in ["bug", "none"]}


@check(RULE_SIGNED_IN, {"john": "open", "groups": ["chatters", "editors"]})
def a_rule_may_ask_the_database_about_the_user(side: Side) -> Any:
    """The rule has the user, and does database work."""
    state = side.visitor("john").knock("room", BOTH)
    return {"john": state, "groups": side.records("groups")[0]}


@check(RULE_SIGNED_IN, "refused with 403", original=REFUSED)
def a_rule_may_turn_away_who_is_not_signed_in(side: Side) -> Any:
    """Somebody anonymous has no authenticated user."""
    return side.visitor().knock("room", BOTH)


@check(
    RULE_DESCRIBE,
    {
        "path_info": "/ws/id/Grüße",
        "path": "/ws/id/Grüße",
        "GET": {"subscribe-broadcast": [""], "token": ["a b"], "ts": ["1", "2"]},
        "HTTP_X_TOKEN": "secret",
        "cookie": "vanilla",
        "session": "SESSION",
        "visited": None,
        "user": "john",
        "host": "HOST",
        "is_secure": False,
        "method": "GET",
    },
    quick=True,
)
def a_rule_sees_the_request(side: Side) -> Any:
    """The request has path, query with values, header fields, cookies, session, user, host."""
    john = side.visitor("john")
    key = john.get("/whoami/").json()["session_key"]
    headers = {"X-Token": "secret", "Cookie": f"{john.cookies()}; flavour=vanilla"}
    john.connect("id/Grüße", "subscribe-broadcast&token=a%20b&ts=1&ts=2", headers=headers)
    request = side.records("request")[0]
    request["session"] = "SESSION" if request["session"] == key else request["session"]
    request["host"] = "HOST" if request["host"] == f"127.0.0.1:{side.port}" else request["host"]
    return request


@check(RULE_DESCRIBE, {"visited": True, "user": None})
def a_rule_reads_the_session_of_somebody_anonymous(side: Side) -> Any:
    """What a page put into the session is there for the rule."""
    visitor = side.visitor()
    visitor.post("/visit/")
    visitor.connect("room", "subscribe-broadcast")
    request = side.records("request")[0]
    return {"visited": request["visited"], "user": request["user"] or None}


BY_TOKEN = {"received": ["for the user", "for the group", "for the session"]}


def heard_by_token(side: Side) -> Any:
    """Publish to user, group and session that a token stands for, and tell what its bearer receives."""
    query = "token=mary&subscribe-user&subscribe-group&subscribe-session"
    socket = side.connect("room", query, audience={"users": ["mary"]})
    side.publish("room", "for the user", audience={"users": ["mary"]})
    side.publish("room", "for the group", audience={"groups": ["from-token"]})
    side.publish("room", "for the session", audience={"sessions": ["session-of-mary"]})
    return {"received": socket.frames()}


@check(TOKENS, BY_TOKEN, quick=True)
def a_site_signs_in_by_token(side: Side) -> Any:
    """The hook sets user and session from the query; channels follow from these."""
    return heard_by_token(side)


@check(TOKENS_CALLABLE, BY_TOKEN)
def the_hook_that_processes_requests_may_be_a_callable(side: Side) -> Any:
    """The setting may hold the function itself."""
    return heard_by_token(side)


@check(TOKENS, {"user:mary:room": "hi", "session:session-of-mary:room": "hi", "group:from-token:room": "hi"})
def who_signed_in_by_token_publishes(side: Side) -> Any:
    """The publishing channels follow from the hook's user and session as well."""
    side.connect("room", "token=mary&publish-user&publish-group&publish-session").send("hi")
    side.wait_for_keys(3)
    return side.kept()


@check(TOKENS, [])
def a_site_that_signs_in_by_token_ignores_cookies(side: Side) -> Any:
    """With the hook, Django's own session makes nobody of the visitor."""
    socket = side.visitor("john").connect("room", "subscribe-user&subscribe-broadcast")
    side.publish("room", "to john", audience={"users": ["john"]})
    return socket.frames()


@check(TOKENS, "refused with 403", original=REFUSED)
def a_bad_token_gives_403(side: Side) -> Any:
    """PermissionDenied in the hook is HTTP status 403."""
    return side.visitor().knock("room", "token=denied&subscribe-user")


@check(TOKENS, "refused with 500", original=REFUSED)
def a_hook_with_a_bug_lets_nobody_in(side: Side) -> Any:
    """Any other exception in the hook turns the client away."""
    return side.visitor().knock("room", "token=bug&subscribe-user")


@check(ASSIGNED, {"before": ["publishes", "listens"], "after": []})
def a_rule_assigned_later_takes_effect(side: Side) -> Any:
    """Assigning WS4REDIS_ALLOWED_CHANNELS to the package's settings module counts for new sockets."""
    before = effect(side, BOTH)
    # The observer of `effect` would receive nothing either: look with the socket's own eyes only.
    side.visitor().post("/assign-setting/", name="WS4REDIS_ALLOWED_CHANNELS", value=f"{SITE}.hooks.allow_nothing")
    try:
        socket = side.connect("room", f"{BOTH}&echo", settled=False)
        socket.send("published")
        side.publish("room", "to listeners")
        after = socket.stray_frames()
    finally:
        side.visitor().post("/assign-setting/", name="WS4REDIS_ALLOWED_CHANNELS", value="")
    return {"before": before, "after": after}
