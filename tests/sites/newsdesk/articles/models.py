import json

from django.db import models
from ws4redis.publisher import RedisPublisher
from ws4redis.redis_store import RedisMessage

# everybody who reads the front page
front_page = RedisPublisher(facility='front-page', broadcast=True)


class Article(models.Model):
    headline = models.CharField(max_length=200)
    desk = models.CharField(max_length=50)

    def save(self, *args, **kwargs):
        super(Article, self).save(*args, **kwargs)
        front_page.publish_message(RedisMessage(json.dumps({'id': self.pk, 'headline': self.headline})))
