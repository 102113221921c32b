"""What our subscriber and our publisher have in common: the channel `room:SLUG`."""
from ws4redis.publisher import RedisPublisher as BasePublisher
from ws4redis.redis_store import RedisStore


class RoomStoreMixin(object):
    def _get_message_channels(self, request=None, facility='{facility}', room=None, **kwargs):
        names = list(super(RoomStoreMixin, self)._get_message_channels(request=request, facility=facility, **kwargs))
        if room:
            names.append('{0}room:{1}'.format(self.get_prefix(), room))
        return names


class RoomPublisher(RoomStoreMixin, BasePublisher):
    pass


class RoomStore(RoomStoreMixin, RedisStore):
    """For the reports, which only read."""
