"""What the example's pages show after a reload and after an outage, and the client's positions in a real browser."""

import base64

import pytest
from playwright.sync_api import Page, expect

from example_project.redis_server import HOST
from tests.example.site import Site, manage
from tests.faults.proxy import Proxy

from .conftest import skip_without_chromium
from .pages import CHATS, messages, notice, state, wait_until_connected, write

skip_without_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]

INCOMPLETE = "Some messages may be missing."


def publish(site: Site, *payloads: str | bytes) -> None:
    """Publish to the broadcast chat from another process, which needs no server."""
    code = (
        "import base64; from ws4channels.publisher import RedisPublisher\n"
        "publisher = RedisPublisher(facility='broadcast-chat', broadcast=True)\n"
        f"for each in {[base64.b64encode(each if isinstance(each, bytes) else each.encode()) for each in payloads]}:\n"
        "    publisher.publish_message(base64.b64decode(each))\n"
    )
    done = manage("shell", "-c", code, env=site.env)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("chat", CHATS)
def test_reload_shows_the_last_twenty_messages(open_window, chat):
    """The newest twenty are there again after a reload, in their order, and nothing says that any is missing."""
    page = open_window(CHATS[chat], "john")
    wait_until_connected(page)
    texts = [f"Message {number}" for number in range(23)]
    for text in texts:
        write(page, text)
    expect(messages(page)).to_have_text(texts)
    page.reload()
    expect(messages(page)).to_have_text(texts[-20:])
    write(page, "After")
    expect(messages(page)).to_have_text([*texts[-20:], "After"])
    expect(notice(page)).to_be_empty()


def test_messages_of_an_outage_are_received_once_and_in_order(open_window, site):
    """What is published while the server is killed and started again arrives, between what came before and after."""
    one, other = open_window("/"), open_window("/")
    wait_until_connected(one, other)
    write(one, "Before")
    expect(messages(other)).to_have_text(["Before"])
    site.kill()
    for page in (one, other):
        expect(state(page)).to_have_text("disconnected")
    meanwhile = ["same", "same", *(f"Meanwhile {number}" for number in range(30))]
    publish(site, *meanwhile)
    site.start()
    wait_until_connected(one, other)
    write(other, "After")
    for page in (one, other):
        expect(messages(page)).to_have_text(["Before", *meanwhile, "After"])
        expect(notice(page)).to_be_empty()


def test_incomplete_recovery_is_shown_until_the_next_reload(open_window, site, site_redis):
    """Where Redis has lost its data, the page says that messages may be missing, and goes on with the newest ones."""
    page = open_window("/")
    wait_until_connected(page)
    write(page, "Before")
    expect(messages(page)).to_have_text(["Before"])
    site.kill()
    expect(state(page)).to_have_text("disconnected")
    publish(site, "Lost")
    with site_redis.client() as client:
        client.flushall()
    publish(site, "Meanwhile")
    site.start()
    expect(page.get_by_role("status").filter(has_text=INCOMPLETE)).to_be_visible()
    write(page, "After")
    expect(messages(page)).to_have_text(["Before", "Meanwhile", "After"])
    expect(notice(page)).to_have_text(INCOMPLETE)
    page.reload()
    expect(messages(page)).to_have_text(["Meanwhile", "After"])
    expect(notice(page)).to_be_empty()


def start_client(page: Page, options: str) -> None:
    """Connect a client of the page's own that keeps, as `window.received`, a description of each message."""
    page.evaluate(
        """() => new Promise(resolve => {
            window.received = [];
            window.recovered = [];
            window.ends = 0;
            window.client = new WS4Redis({
                uri: `ws://${location.host}/ws/broadcast-chat?subscribe-broadcast`,
                heartbeat_msg: '--heartbeat--',
                ...OPTIONS,
                connected: resolve,
                disconnected: () => { window.ends += 1; },
                recovered: ok => window.recovered.push(ok),
                receive_message: message => window.received.push(message),
            });
        })""".replace("OPTIONS", options)
    )


def received(page: Page, count: int) -> list[str]:
    """Return so many messages as soon as they are there: the text, or the type and hexadecimal digits of the bytes."""
    page.wait_for_function("count => window.received.length >= count", arg=count)
    return page.evaluate(
        """() => Promise.all(window.received.map(async message => {
            if (typeof message === 'string') return message;
            const buffer = message instanceof Blob ? await message.arrayBuffer() : message;
            const digits = Array.from(new Uint8Array(buffer), byte => byte.toString(16).padStart(2, '0'));
            return `${message.constructor.name} ${digits.join('')}`;
        }))"""
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("{resume: true}", ["Blob ff0a31", "2", "Blob ff33", "\n4"]),
        ("{resume: true, binaryType: 'arraybuffer'}", ["ArrayBuffer ff0a31", "2", "ArrayBuffer ff33", "\n4"]),
        ("{resume: true, binary: true}", ["Blob ff0a31", "Blob 32", "Blob ff33", "Blob 0a34"]),
        ("{binary: true}", ["Blob ff0a31", "Blob 32", "Blob ff33", "Blob 0a34"]),
        ("{}", ["Blob ff0a31", "2", "Blob ff33", "\n4"]),
    ],
)
def test_binary_and_text_messages_come_in_their_order(open_window, site, options, expected):
    """They come without positions and as `binaryType` and `binary` say, live and, with `resume`, after an outage."""
    page = open_window("/")
    start_client(page, options)
    payloads = [b"\xff\n1", "2", b"\xff3", "\n4"]
    publish(site, *payloads)
    assert received(page, 4) == expected
    if "resume" not in options:
        return
    site.kill()
    page.wait_for_function("() => window.client.is_closed()")
    publish(site, *payloads)
    site.start()
    assert received(page, 8) == expected * 2
    assert page.evaluate("window.recovered") == [True]


def test_position_outlives_a_reload(open_window, site):
    """A page that stores its position receives after a reload exactly what was published meanwhile."""
    page = open_window("/")
    start_client(page, "{resume: true}")
    publish(site, "one", "two")
    assert received(page, 2) == ["one", "two"]
    page.evaluate("sessionStorage.setItem('position', window.client.get_position()); window.client.close()")
    publish(site, "three", "four")
    page.reload()
    start_client(page, "{resume: true, position: sessionStorage.getItem('position')}")
    publish(site, "five")
    assert received(page, 3) == ["three", "four", "five"]
    assert page.evaluate("window.recovered") == [True]


def test_client_that_is_cut_off_again_and_again_receives_each_message_once(open_window, site):
    """While 50 messages a second are published, its connection is broken as soon as some have come: none is missing."""
    count = 300
    publisher = open_window("/")
    start_client(publisher, "{uri: `ws://${location.host}/ws/broadcast-chat?publish-broadcast`}")
    with Proxy(site.port) as proxy:
        page = open_window(f"http://{HOST}:{proxy.port}/")
        page.evaluate("Math.random = () => 0")  # connects again at once
        start_client(page, "{resume: true}")
        publisher.evaluate(
            """count => {
                let number = 0;
                setInterval(() => number < count && window.client.send_message(String(number++)), 20);
            }""",
            count,
        )
        cuts = 0
        while (done := page.evaluate("window.received.length")) < count:
            page.wait_for_function("done => window.received.length > done", arg=done)
            ends = page.evaluate("window.ends")
            proxy.cut()
            page.wait_for_function("ends => window.ends > ends", arg=ends)
            proxy.mend()
            cuts += 1
        assert received(page, count) == [str(number) for number in range(count)]
        assert page.evaluate("window.recovered.every(ok => ok)")
    assert cuts > 10


def test_client_is_told_of_channels_that_it_does_not_get(open_window):
    """An anonymous visitor has no user channel; the page gets the reason."""
    page = open_window("/")
    dropped = page.evaluate(
        """() => new Promise(resolve => new WS4Redis({
            uri: `ws://${location.host}/ws/broadcast-chat?subscribe-broadcast&subscribe-user`,
            resume: true,
            dropped: resolve,
        }))"""
    )
    assert list(dropped) == ["subscribe-user"]
