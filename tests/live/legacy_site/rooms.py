"""Keys of the site's own: rooms."""

from ws4redis.redis_store import RedisStore
from ws4redis.subscriber import RedisSubscriber


class Rooms(RedisStore):
    """Adds the room that everybody is in."""

    def _get_message_channels(self, **kwargs):
        return [*super()._get_message_channels(**kwargs), f"{self.get_prefix()}room:lounge"]


class RoomSubscriber(Rooms, RedisSubscriber):
    """What each socket of the site listens to."""
