"""Tests of README and docs: what they show runs, what they list is complete, where they lead exists."""

from __future__ import annotations

import ast
import asyncio
import inspect
import logging.config
import os
import re
import runpy
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory

import ws4channels
from example_project.redis_server import HOST, RedisServer
from tests import layers
from tests.people import request_of
from tests.sockets import broadcast, connected
from tests.test_architecture import MODULES
from tests.waiting import QUIET, TIMEOUT, eventually
from ws4channels.audience import SELF, close_commands_key, group_of, processes_key
from ws4channels.checks.values import check_settings
from ws4channels.closing import aclose_sockets
from ws4channels.connections import CLIENT_NAME, sync_client
from ws4channels.models import Websockets
from ws4channels.processes.asking import ask_processes
from ws4channels.processes.questions import keys_of
from ws4channels.publisher import RedisPublisher
from ws4channels.settings import SETTINGS, Setting
from ws4channels.testing import FacilityCommunicator, capture_published

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), ROOT / "benchmarks" / "README.md"])

_BLOCK = re.compile(r"(<!-- not run: .+ -->\n)?^```([\w+]+)\n(.*?)^```$", re.M | re.S)
_CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]+`", re.M | re.S)
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(?:#([\w-]+))?\)")


def text_of(path: str) -> str:
    """Return the text of a file of this repository."""
    return (ROOT / path).read_text("utf-8")


def blocks_of(path: str, language: str) -> list[str]:
    """Return the blocks in a language, other than those marked as not to be run."""
    return [code for mark, name, code in _BLOCK.findall(text_of(path)) if name == language and not mark]


def run_python(code: str, directory: Path) -> str:
    """Run `code` in a new interpreter, in the site in `directory`; return its output."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "mysite.settings"}
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=4 * TIMEOUT,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


USE_THE_SITE = """
import asyncio
from mysite.asgi import application
from channels.testing import WebsocketCommunicator
from django.core.management import call_command
from django.test import Client

client = Client(headers={"host": "localhost"})

async def main():
    socket = WebsocketCommunicator(application, "/ws/news?subscribe-broadcast")
    assert (await socket.connect(timeout=30))[0]
    response = await asyncio.to_thread(client.post, "/", {"text": "hello, everybody"})
    assert (response.status_code, response.url) == (302, "/"), response
    print(await socket.receive_from(timeout=30))
    await socket.disconnect()

call_command("check", fail_level="WARNING")
asyncio.run(main())
print(client.get("/").content.decode())
"""


def test_what_the_readme_shows_works_together(tmp_path: Path, redis_server: RedisServer) -> None:
    """A project made and changed as the README says publishes what is posted, and its page connects there."""
    make_project = [sys.executable, "-m", "django", "startproject", "mysite", str(tmp_path)]
    subprocess.run(make_project, check=True, timeout=4 * TIMEOUT)
    (tmp_path / "templates").mkdir()
    files = [*blocks_of("README.md", "python"), *blocks_of("README.md", "html+django")]
    for code in files:
        # The first line says which file it is.
        name = re.findall(r"[\w/]+\.\w+", code)[0]
        code = code.replace("localhost:6379", f"{HOST}:{redis_server.port}")
        with (tmp_path / name).open("a" if name == "mysite/settings.py" else "w", encoding="utf-8") as file:
            file.write(code)
    assert len(files) == 4
    output = run_python(USE_THE_SITE, tmp_path)
    assert "hello, everybody" in output.splitlines()
    assert "uri: 'ws://localhost/ws/news?subscribe-broadcast'" in output
    assert "heartbeat_msg: null" in output
    assert '<script src="/static/js/ws4redis.js"></script>' in output


@pytest.mark.parametrize("code", blocks_of("docs/publishing.md", "python"))
def test_publishing_page_shows_what_runs(code: str) -> None:
    """Each block of the page runs by itself, given a request; those that await run on an event loop."""
    compiled = compile(code, "docs/publishing.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names: dict[str, Any] = {"request": request_of("john"), "__name__": "publishing"}
    result = eval(compiled, names)
    if inspect.iscoroutine(result):
        asyncio.run(result)


@dataclass(frozen=True)
class Page:
    """What the Python of a page leaves behind: names, modules of the site "mysite", and values of its settings."""

    names: dict[str, Any]
    modules: dict[str, ModuleType]
    settings: dict[str, Any]


@pytest.fixture
def run_page(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Page]:
    """Return what runs the blocks of a page from top to bottom, each as the file that its first line names."""

    def run(path: str) -> Page:
        page = Page({}, {}, {})
        for code in blocks_of(path, "python"):
            file = re.match(r"# mysite/(\w+)\.py\n", code)
            if file is None:
                exec(code, page.names)
            elif file[1] == "settings":
                exec(code, page.settings)
            else:
                page.modules[file[1]] = module = ModuleType(f"mysite.{file[1]}")
                monkeypatch.setitem(sys.modules, module.__name__, module)
                exec(code, vars(module))
        return page

    return run


@pytest.fixture
def mary(transactional_db: None) -> User:
    """A user who is in one group."""
    user = User.objects.create_user("mary")
    user.groups.add(Group.objects.create(name="kitchen"))
    return user


@pytest.mark.django_db(transaction=True)
async def test_routing_page_shows_a_router_that_routes(
    run_page: Callable[[str], Page], caplog: pytest.LogCaptureFixture
) -> None:
    """The page's consumers, on the page's routes, receive what is published, and so does ours beside them."""
    caplog.set_level("INFO", "audit")
    application = run_page("docs/routing-and-asgi.md").modules["asgi"].application  # type: ignore[attr-defined]
    channels = "subscribe-broadcast&publish-broadcast&echo"
    async with (
        connected("/game/chess", application) as game,
        connected(f"/audited/news?{channels}", application) as audited,
        connected(f"/ws/news?{channels}", application) as plain,
    ):
        for message in ("hello", b"\xff"):
            await broadcast("news", message)
            assert [await socket.next() for socket in (game, audited, plain)] == [message] * 3
        await audited.send_to("noted")
        assert await game.next() == "noted"
    assert "AnonymousUser: 'noted'" in caplog.messages


async def test_page_of_rules_shows_a_rule_that_rules(
    run_page: Callable[[str], Page], settings: Any, redis_client: redis.Redis, mary: User
) -> None:
    """The page's rule refuses those who are not signed in, and lets others subscribe and not publish."""
    name = "WS4REDIS_ALLOWED_CHANNELS"
    setattr(settings, name, run_page("docs/custom-subscribers.md").settings[name])
    assert check_settings() == []
    with pytest.raises(ConnectionError):
        async with FacilityCommunicator("chat", "subscribe-broadcast"):
            pass
    async with FacilityCommunicator("chat", "subscribe-user", "publish-user", "echo", user=mary) as client:
        await client.send_to("not published")
        await RedisPublisher(facility="chat", users=[mary]).apublish_message("hello", expire=0)
        assert await client.receive_from(TIMEOUT) == "hello"
    assert redis_client.keys("*chat*") == []


async def test_page_of_rules_shows_tokens_that_name_users(
    run_page: Callable[[str], Page], settings: Any, mary: User
) -> None:
    """A client with a token of the page's making is that user; any other token, or none, is refused with 4403."""
    page = run_page("docs/custom-subscribers.md")
    for name in ("WS4REDIS_PROCESS_REQUEST", "WS4CHANNELS_CLOSE_CODE_ON_REFUSAL"):
        setattr(settings, name, page.settings[name])
    assert check_settings() == []
    token = page.modules["tokens"].create_token(mary)  # type: ignore[attr-defined]
    async with FacilityCommunicator("chat", "subscribe-user", f"token={token}") as known:
        await RedisPublisher(facility="chat", users=[mary]).apublish_message("hello")
        assert await known.receive_from(TIMEOUT) == "hello"
    for parameters in ([f"token={token}x"], []):
        async with FacilityCommunicator("chat", "subscribe-user", *parameters) as stranger:
            assert await stranger.receive_output(TIMEOUT) == {"type": "websocket.close", "code": 4403}


async def test_page_of_rules_shows_tokens_in_subprotocols(
    run_page: Callable[[str], Page], settings: Any, mary: User
) -> None:
    """A client that offers the page's token is that user and gets the other subprotocol; a wrong token is refused."""
    module = run_page("docs/custom-subscribers.md").modules["subprotocols"]
    settings.WS4REDIS_PROCESS_REQUEST = module.process_request  # type: ignore[attr-defined]
    token = module.create_token(mary)  # type: ignore[attr-defined]
    assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", token)  # RFC 7230, 3.2.6
    async with FacilityCommunicator("chat", "subscribe-user", subprotocols=["chat", f"token.{token}"]) as client:
        await RedisPublisher(facility="chat", users=[mary]).apublish_message("hello")
        assert await client.receive_from(TIMEOUT) == "hello"
    for offered in (["chat", f"token.{token}x"], ["chat"], []):
        with pytest.raises(ConnectionError):
            async with FacilityCommunicator("chat", "subscribe-user", subprotocols=offered):
                pass


async def test_page_of_rules_shows_users_by_primary_key(
    run_page: Callable[[str], Page], settings: Any, mary: User
) -> None:
    """The page's pair agrees on keys with primary keys; an anonymous client subscribes to nobody's."""
    module = run_page("docs/custom-subscribers.md").modules["primary_keys"]
    settings.WS4REDIS_SUBSCRIBER = "mysite.primary_keys.Subscriber"
    assert check_settings() == []
    own_request = request_of()
    own_request.user = mary
    for users, request in (([mary], None), ([mary.pk], None), ([SELF], own_request)):
        publisher = module.Publisher(facility="chat", users=users, request=request)  # type: ignore[attr-defined]
        async with FacilityCommunicator("chat", "subscribe-user", user=mary) as client:
            await publisher.apublish_message("hello", expire=0)
            assert await client.receive_from(TIMEOUT) == "hello"
    async with FacilityCommunicator("chat", "subscribe-user", "publish-user") as client:
        with capture_published() as published:
            await client.send_to("to nobody")
            assert await client.receive_nothing(QUIET)
        assert published == []


async def test_page_of_rules_shows_rooms_that_can_be_entered(
    run_page: Callable[[str], Page], settings: Any, mary: User
) -> None:
    """The page's subscriber and publisher agree on keys, and only members get in."""
    page = run_page("docs/custom-subscribers.md")
    settings.WS4REDIS_SUBSCRIBER = page.settings["WS4REDIS_SUBSCRIBER"]
    assert check_settings() == []
    publisher = page.modules["rooms"].RoomPublisher(facility="chat", rooms=["kitchen"])  # type: ignore[attr-defined]
    async with FacilityCommunicator("chat", "subscribe-room", "room=kitchen", user=mary) as client:
        await publisher.apublish_message("Tea?")
        assert await client.receive_from(TIMEOUT) == "Tea?"
    for user, room in ((mary, "cellar"), (None, "kitchen")):
        with pytest.raises(ConnectionError):
            async with FacilityCommunicator("chat", "subscribe-room", f"room={room}", user=user):
                pass


async def test_page_of_tickets_shows_a_view_and_a_test(run_page: Callable[[str], Page], mary: User) -> None:
    """Who presents the view's ticket is the user, and anonymous users get none; the page's own test passes."""
    page = run_page("docs/tickets.md")
    request = await sync_to_async(request_of)("mary")
    request.user = mary
    view = sync_to_async(page.modules["views"].ticket)  # type: ignore[attr-defined]
    ticket = (await view(request)).content.decode()
    async with FacilityCommunicator("news", "subscribe-user", f"ticket={ticket}") as client:
        await RedisPublisher(facility="news", users=[mary]).apublish_message("hello", expire=0)
        assert await client.receive_from(TIMEOUT) == "hello"
    with pytest.raises(PermissionDenied):
        await view(await sync_to_async(request_of)())
    await page.names["test_mary_comes_with_a_ticket"](mary)


class Answers:
    """Stands for Django's test client and a site that publishes what is posted to it."""

    def post(self, path: str, data: dict[str, str]) -> None:
        """Publish the text."""
        RedisPublisher(facility=path.strip("/"), broadcast=True).publish_message(data["text"])


async def test_page_of_tests_shows_tests_that_pass(run_page: Callable[[str], Page], mary: User) -> None:
    """Each test on the page runs, given the fixtures that it asks for."""
    names = run_page("docs/testing.md").names
    tests = {name: test for name, test in names.items() if name.startswith("test_")}
    fixtures = {"mary": mary, "client": Answers()}
    for test in tests.values():
        arguments = [fixtures[name] for name in inspect.signature(test).parameters]
        # Sync tests run where no event loop does.
        outcome: Any = await asyncio.to_thread(test, *arguments)
        if isinstance(outcome, Awaitable):
            await outcome
    assert len(tests) == 4


async def test_debugging_page_shows_what_redis_answers(
    run_page: Callable[[str], Page], redis_client: redis.Redis
) -> None:
    """Redis takes each command of the page, and answers what the page says of it."""
    run_page("docs/debugging.md")
    commands = re.findall(r"^redis-cli ([A-Z][^#\n]+)", "\n".join(blocks_of("docs/debugging.md", "sh")), re.M)
    # MONITOR has no end.
    recipes = [shlex.split(command) for command in commands if not command.startswith("MONITOR")]
    redis_client.set("broadcast:news", "hello", ex=30)
    async with FacilityCommunicator("news", "subscribe-broadcast") as client:
        assert await client.receive_from(TIMEOUT) == "hello"
        # As redis-cli gives them: redis-py would make other things of some answers.
        redis_client.response_callbacks.clear()
        answers = {" ".join(words): redis_client.execute_command(*words) for words in recipes}
    group = f"asgi__group__{group_of('broadcast:news')}"
    assert answers["GET broadcast:news"] == b"hello"
    assert 0 < answers["TTL broadcast:news"] <= 30
    close_commands = f"asgi__group__{group_of(close_commands_key(None))}"
    assert set(answers["PUBSUB CHANNELS asgi__group__ws4channels.*"]) == {group.encode(), close_commands.encode()}
    assert answers[f"PUBSUB NUMSUB {group}"] == [group.encode(), 1]
    assert answers["CLIENT LIST TYPE pubsub"].count(b"\n") == 1
    assert f"name={CLIENT_NAME} ".encode() in answers["CLIENT LIST"]


@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.REDIS, layers.CORE])
@pytest.mark.parametrize("prefix", [None, "example"])
async def test_deployment_page_shows_rights_that_suffice(
    settings: Any, mary: User, backend: str, prefix: str | None
) -> None:
    """With the page's ACL, everything that websockets and publishers do is allowed; nothing else is even tried."""
    with RedisServer() as own, own.client() as admin:
        admin.execute_command(*_rights(backend, prefix))
        layers.use(backend, settings)
        settings.WS4REDIS_PREFIX = prefix
        settings.WS4REDIS_CONNECTION = {"url": f"redis://site:secret@{HOST}:{own.port}"}
        if backend != layers.REDIS:
            hosts = [{"address": settings.WS4REDIS_CONNECTION["url"], "socket_timeout": None}]
            settings.CHANNEL_LAYERS = layers.one_layer(backend, hosts=hosts)
        names = [mary, *map(str, range(20))]  # so many that a script publishes
        publisher = RedisPublisher(facility="news", broadcast=True, users=names)
        channels = ("subscribe-broadcast", "subscribe-user", "publish-broadcast", "echo")
        async with FacilityCommunicator("news", *channels, user=mary) as client:
            await sync_to_async(publisher.publish_message)("hello")
            assert [await client.receive_from(TIMEOUT) for _ in range(2)] == ["hello", "hello"]
            await client.send_to("mine")
            assert await client.receive_from(TIMEOUT) == "mine"
            assert await RedisPublisher().afetch_message(None, "news", "broadcast") == b"mine"
            await eventually(lambda: admin.exists(processes_key(prefix)), "the process tells of itself")
            processes = await sync_to_async(ask_processes)(sync_client(), keys_of(), TIMEOUT)
            assert (len(processes.by_process), processes.silent) == (1, ())
            await aclose_sockets(user=mary)
            assert (await client.receive_output(TIMEOUT))["code"] == 4401
        denied = {entry["object"] for entry in admin.acl_log()}
    assert denied <= {"client", "client|setname", "client|setinfo"}


def _rights(backend: str, prefix: str | None) -> list[str]:
    """Return the command of the page, changed as the page says for this transport and prefix."""
    (words,) = (line.split() for line in re.findall(r"^ACL SETUSER .+\n.+", text_of("docs/deployment.md"), re.M))
    if backend == layers.REDIS:
        channels = ["&example:*"] if prefix else ["&broadcast:*", "&user:*", "&group:*", "&session:*", "&ws4channels:*"]
        at = words.index("&asgi*")
        words[at : at + 1] = channels
    if prefix:
        words = [*(word for word in words if not word.startswith("~")), "~example:*"]
    return [*words, "~asgi*", "+@sortedset", "+del", "+expire"] if backend == layers.CORE else words


def test_monitoring_page_shows_what_works(
    run_page: Callable[[str], Page], settings: Any, rf: RequestFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page's configuration of logs is one, and its view shows metrics to who has the token."""
    page = run_page("docs/monitoring.md")
    ours = [logging.getLogger(name) for name in page.settings["LOGGING"]["loggers"]]
    try:
        logging.config.dictConfig(page.settings["LOGGING"])
        logging.getLogger("ws4channels.delivery.hub").info("hello")
        assert re.search(r"INFO ws4channels\.delivery\.hub \[\d+\] hello\n$", capsys.readouterr().err)
    finally:
        for logger in ours:
            logger.handlers, logger.propagate = [], True
            logger.setLevel(logging.NOTSET)
    settings.METRICS_TOKEN = "known to Prometheus"
    view = page.modules["metrics"].metrics_view  # type: ignore[attr-defined]
    answer = view(rf.get("/metrics", headers={"Authorization": "Bearer known to Prometheus"}))
    assert b"\nws4channels_deliveries_total " in answer.content
    with pytest.raises(PermissionDenied):
        view(rf.get("/metrics"))


def test_admin_page_shows_a_site_of_ones_own(run_page: Callable[[str], Page]) -> None:
    """The page's AdminSite has our pages."""
    assert list(run_page("docs/admin.md").modules["admin"].staff_site._registry) == [Websockets]  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["README.md", "docs/install.md", "docs/routing-and-asgi.md"])
def test_asgi_module_needs_no_environment(tmp_path: Path, path: str) -> None:
    """A site's asgi.py may import us before it names its settings, as `daphne mysite.asgi:application` has it."""
    make_project = [sys.executable, "-m", "django", "startproject", "mysite", str(tmp_path)]
    subprocess.run(make_project, check=True, timeout=4 * TIMEOUT)
    codes = re.findall(r"```python\n(.*?)```", text_of(path), re.S)
    code = next(textwrap.dedent(code) for code in codes if "ws4channels.asgi" in code)
    (tmp_path / "mysite" / "asgi.py").write_text(code, "utf-8")
    with (tmp_path / "mysite" / "settings.py").open("a", encoding="utf-8") as file:
        file.write('INSTALLED_APPS.append("ws4channels")')
    run_python("import os; del os.environ['DJANGO_SETTINGS_MODULE']; import mysite.asgi", tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "docs/install.md",
        "docs/subscribing.md",
        "docs/settings.md",
        "docs/migrating.md",
        "docs/migrating-diffs.md",
        "docs/history.md",
    ],
)
def test_other_pages_show_python(path: str) -> None:
    """What is shown as Python on pages that show pieces of files is Python, as far as it goes."""
    blocks = re.findall(r"^( *)```python\n(.*?)^ *```$", text_of(path), re.M | re.S)
    assert blocks
    for _, block in blocks:
        ast.parse(textwrap.dedent(block))


def test_versions_agree() -> None:
    """Package, documentation and the newest section of the changelog name one version."""
    newest = re.search(r"^## \[(.+?)\]", text_of("CHANGELOG.md"), re.M)
    assert newest is not None
    assert newest[1] == ws4channels.__version__
    assert runpy.run_path(str(DOCS / "conf.py"))["release"] == ws4channels.__version__


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_setting_is_documented(setting: Setting) -> None:
    """Each setting has a row with its default and its unit."""
    row = f"| `{setting.name}` | `{setting.default!r}` | {setting.unit} |".replace("|  |", "| |")
    assert row in text_of("docs/settings.md")


def test_no_other_setting_is_documented() -> None:
    """The table has no row for a setting that is gone."""
    named = re.findall(r"^\| `([A-Z0-9_]+)` \|", text_of("docs/settings.md"), re.M)
    assert named == list(SETTINGS)


def test_checks_are_documented() -> None:
    """The page of checks has each id that the code uses, and no other."""
    modules = sorted((ROOT / "ws4channels" / "checks").glob("*.py"))
    used = {each for module in modules for each in re.findall(r"ws4channels\.[EW]\d{3}", module.read_text("utf-8"))}
    assert set(re.findall(r"ws4channels\.[EW]\d{3}", text_of("docs/checks.md"))) == used


def test_picture_of_the_rooms_is_up_to_date() -> None:
    """The picture shows today's imports, and every room but `migration`."""
    script = runpy.run_path(str(ROOT / "docs" / "rooms.py"))
    rooms = {module.partition(".")[0] for module in MODULES}
    assert set(script["boxes"]()) == rooms - {"migration"}
    assert text_of("docs/_static/rooms.svg") == script["draw"](), "Run: python docs/rooms.py"


def test_symptoms_name_the_checks_that_find_their_causes() -> None:
    """The table of symptoms leads to each check, apart from the one for values, whose text says all."""
    ids = set(re.findall(r"^\*\*ws4channels\.([EW]\d{3})\*\*", text_of("docs/checks.md"), re.M))
    assert ids - set(re.findall(r"\b[EW]\d{3}\b", text_of("docs/debugging.md"))) <= {"E001"}


@pytest.mark.parametrize("room", sorted({module.partition(".")[0] for module in MODULES}))
def test_architecture_names_the_room(room: str) -> None:
    """The page of the architecture names each room and each module at the top of the package."""
    assert room in re.findall(r"\w+", text_of("docs/architecture.md"))


PRIVATE = {"shown", "connections", "transports", "delivery", "processes", "access", "checks"}
PRIVATE |= {"compat", "management", "migration"}
PUBLIC = sorted({module.partition(".")[0] for module in MODULES} - PRIVATE)
"""The public modules: those at the top of the package, and the room whose `look` is public."""


@pytest.mark.parametrize("module", PUBLIC)
def test_public_module_is_documented_with_its_names(module: str) -> None:
    """The table of public names has each module with its `__all__`; other pages, or the README, mention each name."""
    names = import_module(f"ws4channels.{module}").__all__
    (row,) = re.findall(rf"^\| `ws4channels\.{module}` \| (.+) \|$", text_of("docs/architecture.md"), re.M)
    if module != "settings":
        assert sorted(re.findall(r"`(\w+)`", row)) == sorted(names)
    elsewhere = "\n".join(page.read_text("utf-8") for page in PAGES if page.name != "architecture.md")
    missing = [name for name in names if not re.search(rf"\b{name}\b", elsewhere)]
    assert missing == []


def test_no_other_module_is_documented_as_public() -> None:
    """The table has no row for a module that is private or gone."""
    named = re.findall(r"^\| `ws4channels\.(\w+)` \|", text_of("docs/architecture.md"), re.M)
    assert sorted(named) == PUBLIC


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name if page.parent != ROOT / "benchmarks" else "bench")
def test_make_targets_exist(page: Path) -> None:
    """Each `make` that a page mentions is in the Makefile."""
    targets = set(re.findall(r"^([\w-]+):", text_of("Makefile"), re.M))
    mentioned = set(re.findall(r"(?:`|\$ )make ([a-z][\w-]*)", page.read_text("utf-8")))
    assert mentioned <= targets


def make(*arguments: str) -> str:
    """Return what make prints. The make that runs the tests passes its own options on in the environment."""
    passed_on = ("CI", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTEST_ARGS", "PYTEST_OPTIONS")
    alone = {name: value for name, value in os.environ.items() if name not in passed_on}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=alone, capture_output=True, text=True, check=True).stdout


def test_make_lists_its_targets() -> None:
    """`make` alone prints a line for each target."""
    [phony] = re.findall(r"^\.PHONY: (.+)$", text_of("Makefile"), re.M)
    assert re.findall(r"^make (\S+) +\S", make(), re.M) == phony.split()


def test_lower_limit_of_coverage_is_for_all_tests() -> None:
    """CI measures coverage; `make test-python`, which may run some tests only, does not."""
    assert "make test PYTEST_OPTIONS=--cov" in text_of(".ci/run")
    assert " --cov " in make("-n", "coverage")
    assert " --cov " not in make("-n", "test-python", "PYTEST_ARGS=-k hub")


@pytest.mark.parametrize(
    ("arguments", "is_whole"),
    [(["test"], False), (["test", "CI=1"], True), (["test-all"], True), (["coverage"], True)],
    ids=str,
)
def test_ci_leaves_out_no_slow_test(arguments: list[str], is_whole: bool) -> None:
    """`make test` does; so it is done in five minutes. What is named runs, slow or not."""
    assert ("not slow" not in make("-n", *arguments, "PYTEST_ARGS=")) == is_whole
    assert "not slow" not in make("-n", *arguments, "PYTEST_ARGS=tests/faults")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name if page.parent != ROOT / "benchmarks" else "bench")
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link leads to a file, and each section that it names is there."""
    for target, section in _LINK.findall(_CODE.sub("", page.read_text("utf-8"))):
        path = page.parent / target
        assert path.is_file(), f"{page.name} links to {target}"
        if section:
            assert section in anchors_of(path), f"{page.name} links to {target}#{section}"


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub(lambda code: code[0].strip("`"), page.read_text("utf-8")), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_contents() -> None:
    """The index leads to all pages of docs/ and to no other."""
    listed = re.findall(
        r"^([\w-]+)$", "\n".join(re.findall(r"```\{toctree\}(.*?)```", text_of("docs/index.md"), re.S)), re.M
    )
    assert sorted(listed) == sorted(page.stem for page in DOCS.glob("*.md") if page.stem != "index")


@pytest.mark.parametrize("page", ["history", "reliability", "security"])
def test_promises_name_tests_that_exist(page: str) -> None:
    """Each test by which a promise is held is there, and each page names some."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text_of(f"docs/{page}.md"))
    assert len(named) > 10
    missing = [f"{path}::{name}" for path, name in named if f"def {name}(" not in (ROOT / path).read_text("utf-8")]
    assert missing == []
