"""What the pages of the checks use of the package, for a site on ws4redis; the command rewrites it with the site."""

from ws4redis import publisher, redis_store, subscriber
from ws4redis import settings as private_settings
from ws4redis.publisher import RedisPublisher
from ws4redis.redis_store import SELF, RedisMessage, RedisStore
from ws4redis.subscriber import RedisSubscriber

__all__ = [
    "SELF",
    "RedisMessage",
    "RedisPublisher",
    "RedisStore",
    "RedisSubscriber",
    "private_settings",
    "publisher",
    "redis_store",
    "subscriber",
]
