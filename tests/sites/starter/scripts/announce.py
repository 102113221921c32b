#!/usr/bin/env python2
# Called by the cron job on the old machine.
import sys
from ws4redis.publisher import RedisPublisher
from ws4redis.redis_store import RedisMessage

print "announcing", sys.argv[1]
try:
    RedisPublisher(facility='announcements', broadcast=True).publish_message(RedisMessage(sys.argv[1]))
except Exception, error:
    print >>sys.stderr, error
