"""``import ws4channels.compat`` as the first line of the settings: from then on ``import ws4redis`` finds ws4channels.

``ws4redis`` and its modules ``publisher``, ``redis_store``, ``subscriber``, ``settings``, ``context_processors``,
``models`` and ``exceptions`` can then be imported in every form, be named in strings, and stand in INSTALLED_APPS. Each
file that does so gets one DeprecationWarning. Where a ``ws4redis`` is there already, the original or a copy that a site
has changed, that one stays, and a RuntimeWarning says so.

Importing this reads no settings, loads no models and connects to nothing.
"""

from ws4channels.compat.finder import install

install()
