from ws4redis.publisher import RedisPublisher as WSPublisher
from ws4redis.redis_store import RedisMessage as Message

from .rendering import JSONRenderer
from .worker import task


def audience_of(user, watchers=()):
    """Who wants to know."""
    if watchers:
        return {'users': list(watchers), 'broadcast': False}
    return {'users': [user.pk]}


@task
def notify(facility, user, data, watchers=()):
    audience = audience_of(user, watchers)
    publisher = WSPublisher(facility=facility, **audience)
    publisher.publish_message(Message(JSONRenderer().render(data).decode('utf-8')), expire=10)


@task
def notify_team(team, text):
    # teams are named by their uuid
    WSPublisher(facility='team', groups=[team]).publish_message(Message(text))
