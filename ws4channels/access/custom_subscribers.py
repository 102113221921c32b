"""Call the methods that a site's own RedisSubscriber overrides: in a thread, at connect, for each message, at the end.

Where a method is not overridden, the event loop does the same without a thread.
"""

from __future__ import annotations

from ws4channels.access.handshake import Agreement
from ws4channels.access.threads import run_in_thread
from ws4channels.delivery.hub import Hub
from ws4channels.delivery.welcome import Welcome
from ws4channels.redis_store import RedisMessage, expire_in_seconds, is_heartbeat
from ws4channels.subscriber import KeptMessageCollector, overridden
from ws4channels.transports.messages import Publication
from ws4channels.transports.publishing import apublish


async def send_kept(hub: Hub, agreement: Agreement, welcome: Welcome) -> None:
    """Put what the subscriber sends at connect into `welcome`, if it overrides that."""
    subscriber = agreement.subscriber
    if subscriber is None:
        return
    send = overridden(subscriber, "send_persisted_messages") or overridden(subscriber, "send_persited_messages")
    if send is None:
        return
    collector = KeptMessageCollector()
    await run_in_thread(hub.threads, send, collector)
    await hub.catch_up()
    welcome.deliveries = collector.deliveries
    # Whatever that is, it is not known to be all that a client missed.
    welcome.recovered = None if welcome.recovered is None else False
    welcome.positions = {key: number for key, number in welcome.seen.items() if number}
    # What came meanwhile may be something else than what it sent.
    welcome.seen = {}


async def publish(hub: Hub, agreement: Agreement, raw: bytes) -> None:
    """Publish what a client sent, by the subscriber's own method or to the keys that were agreed.

    The heartbeat's text is not published, even if the client asked for no heartbeats.
    """
    subscriber = agreement.subscriber
    publish_message = subscriber and overridden(subscriber, "publish_message")
    if publish_message:
        message = RedisMessage(raw)
        if message is not None:
            await run_in_thread(hub.threads, publish_message, message)
    elif agreement.publish_keys and not is_heartbeat(raw):
        await apublish(Publication(agreement.publish_keys, raw, expire_in_seconds(None)))


def may_publish(agreement: Agreement) -> bool:
    """Tell whether what this client sends may go anywhere."""
    subscriber = agreement.subscriber
    return bool(agreement.publish_keys or (subscriber and overridden(subscriber, "publish_message")))


def count_own_copies(agreement: Agreement) -> int:
    """Return how many copies of a message that this client publishes come back to it."""
    if agreement.subscriber is not None and overridden(agreement.subscriber, "publish_message"):
        return 0  # unknown
    return len(set(agreement.publish_keys).intersection(agreement.subscribe_keys))


async def release(hub: Hub, agreement: Agreement) -> None:
    """Tell the subscriber that its websocket has ended."""
    method = agreement.subscriber and overridden(agreement.subscriber, "release")
    if method:
        await run_in_thread(hub.threads, method)
