"""The one place that knows which package the site runs on: `ws4redis` or `ws4channels`, by `SITE_PACKAGE`."""

import os
from importlib import import_module

PACKAGE = os.environ["SITE_PACKAGE"]

private_settings = import_module(f"{PACKAGE}.settings")
redis_store = import_module(f"{PACKAGE}.redis_store")
publisher = import_module(f"{PACKAGE}.publisher")
subscriber = import_module(f"{PACKAGE}.subscriber")

SELF = redis_store.SELF
RedisMessage = redis_store.RedisMessage
RedisStore = redis_store.RedisStore
RedisPublisher = publisher.RedisPublisher
RedisSubscriber = subscriber.RedisSubscriber
