"""Tests of `ws4channels.origins`."""

from __future__ import annotations

from typing import Any

import pytest
from channels.routing import URLRouter
from django.urls import re_path

from tests.sockets import Socket
from tests.waiting import TIMEOUT
from ws4channels.checks.values import check_settings
from ws4channels.counters import counts
from ws4channels.origins import OriginCheck, is_origin_allowed, problem_with


@pytest.mark.parametrize(
    ("origin", "pattern"),
    [
        ("https://example.com", "https://example.com"),
        ("https://EXAMPLE.com", "HTTPS://example.COM"),
        ("https://example.com:443", "https://example.com"),
        ("https://example.com", "https://example.com:443"),
        ("http://example.com:8000", "http://example.com:8000"),
        ("https://app.example.com", "https://*.example.com"),
        ("https://a.b.example.com", "https://*.example.com"),
        ("https://example.com", "https://*.example.com"),
        ("https://app.example.com:8443", "https://*.example.com:8443"),
        ("https://app.example.com", "https://.example.com"),
        ("https://example.com", "example.com"),
        ("http://example.com:8000", "example.com"),
        ("https://app.example.com", ".example.com"),
        ("https://app.example.com", "*.example.com"),
        ("https://example.com", ".example.com"),
        ("http://127.0.0.1:8000", "127.0.0.1"),
        ("http://[::1]:8000", "[::1]"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("app://desktop", "app://desktop"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("http://app.example.com:3000", "app.example.com:3000"),
        ("https://APP.example.com:3000", "app.example.COM:3000"),
        ("https://example.com", "example.com:443"),
        ("http://[::1]:3000", "[::1]:3000"),
        ("http://app.example.com:3000", "*.example.com:3000"),
        ("https://example.com", "https://example.com/"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("ionic://localhost", "ionic://localhost"),
        ("tauri://localhost", "localhost"),
        ("app://.", "app://."),
        ("null", "null"),
        ("null", "NULL"),
        ("file://", "file://"),
        ("file://", "file:///"),
        ("FILE:///", "file://"),
        ("app://", "app://"),
    ],
)
def test_origin_matches(origin: str, pattern: str) -> None:
    """A pattern with a scheme matches as a whole, default ports included; a bare host any scheme and port."""
    assert is_origin_allowed(origin, [pattern])
    assert is_origin_allowed(origin, ["https://nobody.invalid", pattern])


@pytest.mark.parametrize(
    ("origin", "pattern"),
    [
        ("https://evil.com", "https://example.com"),
        ("http://example.com", "https://example.com"),
        ("https://example.com:8443", "https://example.com"),
        ("https://example.com", "https://example.com:8443"),
        ("https://app.example.com", "https://example.com"),
        ("https://evilexample.com", "https://*.example.com"),
        ("https://evilexample.com", ".example.com"),
        ("https://example.com.evil.com", "https://example.com"),
        ("https://example.com.evil.com", ".example.com"),
        ("https://example.com.evil.com", "*.example.com"),
        ("https://evil.com/example.com", "example.com"),
        ("https://evil.com#example.com", "example.com"),
        ("https://evil.com?example.com", "example.com"),
        ("https://example.com@evil.com", "example.com"),
        ("https://evil.com\\@example.com.evil.com", "example.com"),
        ("https://example.com", "*"),
        ("https://example.com", ""),
        ("https://example.com", "https://"),
        ("https://example.com", "https://*"),
        ("https://example.com", "https://[bad"),
        ("https://example.com", "https://example.com:port"),
        ("null", "example.com"),
        ("null", "file://"),
        ("null", "null://"),
        ("null://", "null"),
        ("http://null", "https://null"),
        ("file://", "null"),
        ("file://", "app://"),
        ("file://evil.com", "file://"),
        ("https://evil.com", "https://"),
        ("http://app.example.com:3001", "app.example.com:3000"),
        ("http://app.example.com", "app.example.com:3000"),
        ("http://example.com", "example.com:443"),
        ("https://example.com", "https://example.com/app"),
        ("https://example.com", "example.com?x"),
        ("https://example.com", "user@example.com"),
        ("https://app.example.com", "https://*example.com"),
        ("", "example.com"),
        ("", ""),
        ("example.com", "example.com"),
        ("//example.com", "example.com"),
        ("https://", "example.com"),
        ("https://[bad", "example.com"),
        ("https://example.com:port", "example.com"),
        ("https://example.com:99999", "example.com"),
        ("file://", "example.com"),
        ("\xff\x00", "example.com"),
        ("http://[::1]:8000", "[::2]"),
        ("http://[::1]:8000", "http://[::1]"),
    ],
)
def test_origin_does_not_match(origin: str, pattern: str) -> None:
    """Another scheme, port or host, what only looks like the host, and what is no origin, are refused."""
    assert not is_origin_allowed(origin, [pattern])


def test_without_patterns_nothing_matches() -> None:
    """No pattern allows nobody."""
    assert not is_origin_allowed("https://example.com", [])


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "*",
            "null",
            "file://",
            "file:///",
            "app://",
            "capacitor://localhost",
            "chrome-extension://abcdef",
            "app://.",
        ),
        *("https://example.com", "https://example.com/", "HTTPS://Example.com:8443", "https://*.example.com"),
        *("example.com", ".example.com", "*.example.com", "app.example.com:3000", "localhost", "127.0.0.1:8000"),
        *("[::1]", "http://[::1]:3000", "https://xn--bcher-kva.example", "under_score.example"),
    ],
)
def test_pattern_that_can_match_has_no_problem(pattern: str) -> None:
    """Nothing is said of patterns that match some origin."""
    assert problem_with(pattern) is None


LIKE_THESE = "it must be like 'https://app.example.com', 'https://*.example.com', 'app.example.com:3000' or 'file://'"


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        *((pattern, LIKE_THESE) for pattern in ("", " ", "https://", "http:///", "://example.com", "//example.com")),
        *((pattern, LIKE_THESE) for pattern in ("https:/example.com", "https:example.com", " https://example.com")),
        *((pattern, LIKE_THESE) for pattern in ("https://*", "http://localhost:*", "*:3000", "https://app.*.com")),
        *((pattern, LIKE_THESE) for pattern in ("https://example.com/app", "example.com/app", "https://a@example.com")),
        *(
            (pattern, LIKE_THESE)
            for pattern in ("https://[::1", "https://example.com:port", "https://a.com,https://b.com")
        ),
        ("https://example.com:99999", "a port is at most 65535"),
        ("https://bücher.example", "browsers send such a host in its ASCII form, which begins with 'xn--'"),
    ],
)
def test_pattern_that_cannot_match_says_why(pattern: str, problem: str) -> None:
    """What is listed and matches nothing is named, with what to write instead."""
    assert problem_with(pattern) == problem
    assert not is_origin_allowed(pattern, [pattern])


@pytest.mark.parametrize("pattern", ["ws://example.com", "WSS://*.example.com:8000"])
def test_address_of_a_websocket_is_no_origin(pattern: str) -> None:
    """Who lists the websocket's address is told to list the page's."""
    assert problem_with(pattern) == (
        "an origin is the address of the page, such as 'https://app.example.com', not that of the websocket"
    )


def test_check_names_what_no_origin_can_match(settings: Any) -> None:
    """`manage.py check` says which entry of WS4CHANNELS_ALLOWED_ORIGINS is of no use, and why."""
    settings.WS4CHANNELS_ALLOWED_ORIGINS = ["file://", "null", "http://localhost:*", "app.example.com:3000"]
    [message] = check_settings()
    assert (message.id, message.hint) == ("ws4channels.E001", "List what browsers send as the header Origin.")
    assert message.msg == (
        f"WS4CHANNELS_ALLOWED_ORIGINS lists 'http://localhost:*', which no origin can match: {LIKE_THESE}."
    )


# --- the middleware ---------------------------------------------------------------------------------------------------


async def welcoming(scope: Any, receive: Any, send: Any) -> None:
    """Accept every websocket."""
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})


async def is_let_in(origin: str | bytes | None, host: str | None = "testserver", **scope: Any) -> bool:
    """Tell whether a websocket from a page of `origin` passes the check, and that the application then ends."""
    headers = [(b"host", host.encode())] if host is not None else []
    if origin is not None:
        headers.append((b"origin", origin.encode("latin-1") if isinstance(origin, str) else origin))
    socket = Socket("/ws/f", OriginCheck(welcoming), headers=headers, **scope)
    accepted, _ = await socket.connect(timeout=TIMEOUT)
    await socket.wait(timeout=TIMEOUT)
    return bool(accepted)


@pytest.mark.parametrize("allowed_hosts", [["testserver", "[::1]", "127.0.0.1"], ["*"]], ids=["named", "any"])
@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://testserver", "testserver"),
        ("https://testserver", "testserver"),
        ("http://TestServer", "testserver"),
        ("http://testserver:8000", "testserver:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
    ],
)
async def test_own_host_is_let_in(settings: Any, allowed_hosts: list[str], origin: str, host: str) -> None:
    """A page of the host and port that the websocket goes to is let in, whatever its scheme."""
    settings.ALLOWED_HOSTS = allowed_hosts
    assert await is_let_in(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"), [("http://testserver", "testserver:80"), ("https://testserver", "testserver:443")]
)
async def test_default_port_in_the_host_header_is_no_other_host(settings: Any, origin: str, host: str) -> None:
    """Proxies that add the port to the Host header (`$host:$server_port`) do not turn a page into a foreign one."""
    settings.ALLOWED_HOSTS = ["*"]
    assert await is_let_in(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://evil.com", "testserver"),
        ("http://testserver.evil.com", "testserver"),
        ("http://sub.testserver", "testserver"),
        ("null", "testserver"),
        ("", "testserver"),
        ("garbage", "testserver"),
        (b"\xff\xfe://\x00", "testserver"),
        ("https://[bad", "testserver"),
        ("http://testserver:port", "testserver"),
        ("file://", "testserver"),
    ],
)
async def test_foreign_origin_is_refused(settings: Any, origin: str | bytes, host: str) -> None:
    """A page of any other origin is refused, also where every host of this site is allowed."""
    settings.ALLOWED_HOSTS = ["*"]
    assert not await is_let_in(origin, host)


async def test_client_without_an_origin_is_let_in() -> None:
    """What is no browser sends no Origin header, and is let in, whatever its Host."""
    assert await is_let_in(None)
    assert await is_let_in(None, host=None)
    assert await is_let_in(None, host="evil.com")


async def test_allowed_hosts_are_let_in(settings: Any) -> None:
    """Pages of the site's other hosts are let in, with any scheme and port."""
    settings.ALLOWED_HOSTS = ["testserver", "www.example.com", ".example.org"]
    assert await is_let_in("https://www.example.com")
    assert await is_let_in("http://www.example.com:8000")
    assert await is_let_in("https://deep.in.example.org")
    assert not await is_let_in("https://example.com")


async def test_star_in_allowed_hosts_does_not_open_the_check(settings: Any) -> None:
    """`ALLOWED_HOSTS = ["*"]` is about hosts of this site, not about who may connect from elsewhere."""
    settings.ALLOWED_HOSTS = ["*"]
    assert not await is_let_in("https://evil.com")
    assert await is_let_in("https://anything.example", host="anything.example")


@pytest.mark.parametrize("allowed_hosts", [["*"], ["testserver", "[::1]"]])
async def test_other_ports_of_the_own_host_are_let_in(settings: Any, allowed_hosts: list[str]) -> None:
    """A page of the same host and another port, as a front end's server has, is let in; however the host is allowed."""
    settings.ALLOWED_HOSTS = allowed_hosts
    assert await is_let_in("http://testserver:5173", "testserver:8000")
    assert await is_let_in("http://testserver:5173", "testserver")
    assert await is_let_in("http://[::1]:5173", "[::1]:8000")
    assert not await is_let_in("http://evil.com:8000", "testserver:8000")


async def test_apps_and_files_are_let_in_where_they_are_listed(settings: Any) -> None:
    """What WS4CHANNELS_ALLOWED_ORIGINS lists is let in, exactly: apps, files and opaque origins as well."""
    listed = ["capacitor://localhost", "ionic://localhost", "file://", "null", "app.example.com:3000"]
    settings.WS4CHANNELS_ALLOWED_ORIGINS = listed
    for origin in (*listed[:4], "http://app.example.com:3000", "https://app.example.com:3000"):
        assert await is_let_in(origin)
    for origin in ("http://app.example.com", "http://app.example.com:3001", "content://", "capacitor://evil"):
        assert not await is_let_in(origin)


@pytest.mark.parametrize("setting", ["CSRF_TRUSTED_ORIGINS", "WS4CHANNELS_ALLOWED_ORIGINS"])
async def test_trusted_origins_are_let_in(settings: Any, setting: str) -> None:
    """Origins that the site trusts with forms, or names for websockets, are let in; a wildcard means subdomains."""
    setattr(settings, setting, ["https://app.example.com", "https://*.example.org"])
    assert await is_let_in("https://app.example.com")
    assert await is_let_in("https://any.example.org")
    assert not await is_let_in("http://app.example.com")
    assert not await is_let_in("https://example.com")


async def test_star_in_our_own_setting_turns_the_check_off(settings: Any) -> None:
    """`WS4CHANNELS_ALLOWED_ORIGINS = ["*"]` lets pages of every origin in, `null` included."""
    settings.WS4CHANNELS_ALLOWED_ORIGINS = ["*"]
    for origin in ("https://evil.com", "null", "garbage", b"\xff"):
        assert await is_let_in(origin)
    assert await is_let_in("https://evil.com", host="not-allowed.com")


@pytest.mark.parametrize(("debug", "is_allowed"), [(True, True), (False, False)])
async def test_local_hosts_are_allowed_while_debugging(settings: Any, debug: bool, is_allowed: bool) -> None:
    """With DEBUG and no ALLOWED_HOSTS, Django allows local hosts; so do we, from any port (a front end's server)."""
    settings.DEBUG, settings.ALLOWED_HOSTS = debug, []
    for origin in ("http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]:3000", "http://site.localhost"):
        assert await is_let_in(origin, host="localhost:8000") is is_allowed
    assert not await is_let_in("http://evil.com", host="localhost:8000")
    settings.ALLOWED_HOSTS = ["*"]
    assert await is_let_in("http://localhost:3000", host="127.0.0.1:8000") is is_allowed


async def test_host_behind_a_proxy_is_that_of_the_browser(settings: Any) -> None:
    """Where Django is told to believe X-Forwarded-Host, the check does, too."""
    settings.USE_X_FORWARDED_HOST = True
    settings.ALLOWED_HOSTS = ["*"]
    headers = [
        (b"host", b"10.0.0.1:8000"),
        (b"x-forwarded-host", b"public.example"),
        (b"origin", b"https://public.example"),
    ]
    assert not await Socket("/ws/f", OriginCheck(welcoming), headers=headers).is_refused()


REFUSALS = [
    (
        "https://evil.com",
        "testserver:8000",
        "Refused a websocket to /ws/f from origin 'https://evil.com': it is neither the request's own host "
        "'testserver:8000' nor in ALLOWED_HOSTS, CSRF_TRUSTED_ORIGINS or WS4CHANNELS_ALLOWED_ORIGINS.",
    ),
    (
        "null",
        "testserver",
        "Refused a websocket to /ws/f from origin 'null': it is neither the request's own host 'testserver' nor in "
        "ALLOWED_HOSTS, CSRF_TRUSTED_ORIGINS or WS4CHANNELS_ALLOWED_ORIGINS.",
    ),
    (
        "https://evil.com",
        "evil.com",
        "Refused a websocket to /ws/f from origin 'https://evil.com': the request's Host header is not in "
        "ALLOWED_HOSTS.",
    ),
    (
        "a\r\nforged line",
        "testserver",
        "Refused a websocket to /ws/f from origin 'a\\r\\nforged line': it is neither the request's own host "
        "'testserver' nor in ALLOWED_HOSTS, CSRF_TRUSTED_ORIGINS or WS4CHANNELS_ALLOWED_ORIGINS.",
    ),
]


async def test_refusal_says_what_a_star_in_allowed_hosts_means(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Who has allowed all hosts is not told that a host is missing there."""
    settings.ALLOWED_HOSTS = ["*"]
    assert not await is_let_in("https://evil.com")
    assert caplog.messages == [
        "Refused a websocket to /ws/f from origin 'https://evil.com': it is neither the request's own host "
        "'testserver' nor in ALLOWED_HOSTS (whose '*' does not count here), CSRF_TRUSTED_ORIGINS or "
        "WS4CHANNELS_ALLOWED_ORIGINS."
    ]
    caplog.clear()
    assert not await is_let_in("https://evil.com", host="bad host")
    assert caplog.messages == [
        "Refused a websocket to /ws/f from origin 'https://evil.com': the request's Host header is no valid host name."
    ]


@pytest.mark.parametrize("path", ["/app/ws/f", "/ws/f"])
async def test_router_behind_the_check_knows_the_path_with_and_without_the_script_name(path: str) -> None:
    """Channels' URLRouter finds the route, whether a proxy passes the script name on or not."""
    application = OriginCheck(URLRouter([re_path("^ws/", welcoming)]))
    socket = Socket("/", application, root_path="/app")
    socket.scope["path"] = path
    assert not await socket.is_refused()


@pytest.mark.parametrize(("origin", "host", "text"), REFUSALS, ids=["foreign", "null", "host", "forged"])
async def test_refusal_is_counted_and_logged_with_its_reason(
    caplog: pytest.LogCaptureFixture, origin: str, host: str, text: str
) -> None:
    """One line says which origin was refused and why, and the application behind is not called."""
    before = counts["refused"]
    assert not await is_let_in(origin, host)
    ours = [record for record in caplog.records if record.name == "ws4channels.origins"]
    assert [(record.levelname, record.getMessage()) for record in ours] == [("WARNING", text)]
    assert counts["refused"] == before + 1


async def test_application_gets_the_websocket_untouched() -> None:
    """The application behind the check is given the same scope, receive and send."""
    given: list[Any] = []

    async def application(*args: Any) -> None:
        given.extend(args)

    scope = {"type": "websocket", "path": "/ws/f", "headers": [], "query_string": b""}

    async def receive() -> Any:
        pytest.fail("The check has read the connect event.")

    async def send(event: Any) -> None:
        pytest.fail("The check has sent something.")

    await OriginCheck(application)(scope, receive, send)
    assert given[0] is scope
    assert given[1:] == [receive, send]
