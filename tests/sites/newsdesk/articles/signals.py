from django.conf import settings
from django.db.models.signals import post_save
from django.dispatch import receiver

from articles.models import Article


@receiver(post_save, sender=Article)
def tell_the_desk(sender, instance, created, **kwargs):
    if not settings.LIVE_UPDATES:
        return
    from ws4redis.publisher import RedisPublisher
    from ws4redis.redis_store import RedisMessage
    action = 'new' if created else 'changed'
    RedisPublisher(facility='desk', groups=[instance.desk]).publish_message(
        RedisMessage('{0}: {1}'.format(action, instance.headline)), expire=60)
