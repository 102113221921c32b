# everything that others need
from ws4redis.redis_store import *
from ws4redis.publisher import *
from ws4redis import publisher, redis_store

from tasks.live.publishers import *
