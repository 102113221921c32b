"""How often things happened in this process, by name: what was opened, refused, dropped or closed, and why.

>>> from ws4channels.counters import counts
>>> counts["sockets_opened"]
"""

from collections import Counter

counts: Counter[str] = Counter()
"""Never reset. Names: ``sockets_opened``, ``sockets_closed``, ``refused``, ``slow_clients_closed``,
``messages_dropped`` (what waited for slow clients when they were closed), ``too_large``, ``redis_failures``,
``gaps`` (how often messages may have been lost on their way here), ``reconnects`` (how often the connection that
receives was replaced), ``resent`` (kept messages sent again after a gap)."""
