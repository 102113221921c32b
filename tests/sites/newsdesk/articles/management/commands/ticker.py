from django.core.management.base import BaseCommand

from ws4redis.publisher import RedisPublisher
from ws4redis.redis_store import RedisMessage


class Command(BaseCommand):
    help = 'Send a line to the ticker. Called by cron.'

    def add_arguments(self, parser):
        parser.add_argument('line')
        parser.add_argument('--desk', action='append', default=[])

    def handle(self, *args, **options):
        audience = {'groups': options['desk']} if options['desk'] else {'broadcast': True}
        RedisPublisher(facility='ticker', **audience).publish_message(RedisMessage(options['line']))
        self.stdout.write('sent')
