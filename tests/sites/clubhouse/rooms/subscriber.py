from django.core.exceptions import PermissionDenied

from rooms.channels import RoomStoreMixin
from rooms.models import Room
from ws4redis import settings as private_settings
from ws4redis.redis_store import RedisMessage
from ws4redis.subscriber import RedisSubscriber


class RoomSubscriber(RoomStoreMixin, RedisSubscriber):
    subscription_channels = RedisSubscriber.subscription_channels + ['subscribe-room']
    publish_channels = RedisSubscriber.publish_channels + ['publish-room']

    def __init__(self, connection):
        super(RoomSubscriber, self).__init__(connection)
        self.room = None

    def set_pubsub_channels(self, request, channels):
        super(RoomSubscriber, self).set_pubsub_channels(request, channels)
        facility = request.path_info.replace(private_settings.WEBSOCKET_URL, '', 1)
        if not any(name.endswith('-room') for name in channels):
            return
        if not Room.objects.filter(slug=facility, members__pk=request.user.pk).exists():
            raise PermissionDenied('%s is not in %s' % (request.user, facility))
        self.room = facility
        key = '{0}room:{1}'.format(self.get_prefix(), facility)
        if 'subscribe-room' in channels:
            self._subscription.subscribe(key)
        if 'publish-room' in channels:
            self._publishers.add(key)

    def publish_message(self, message, expire=None):
        # nobody shouts in a room
        if self.room and message.isupper():
            message = RedisMessage(message.decode('utf-8').lower())
        return super(RoomSubscriber, self).publish_message(message, expire)

    def send_persisted_messages(self, websocket):
        if self.room:
            websocket.send('welcome to ' + self.room)
        super(RoomSubscriber, self).send_persisted_messages(websocket)

    def parse_response(self):
        response = super(RoomSubscriber, self).parse_response()
        # for the debugger
        return response
