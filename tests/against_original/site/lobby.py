"""A site's own audience, shared by a publisher and a subscriber through a mixin, as real sites do it."""

from typing import Any

from tests.against_original.site.legacy import RedisPublisher, RedisStore

# Built at import, before anybody knows whether Redis is up.
IMPORTED_EARLY = RedisPublisher(facility="early", broadcast=True)


class LobbyStore(RedisStore):
    """Adds the audience `lobby`: one key of a shape of its own."""

    def _get_message_channels(self, request: Any = None, facility: str = "{facility}", **audience: Any) -> list[str]:
        lobby = audience.pop("lobby", False)
        keys = list(super()._get_message_channels(request=request, facility=facility, **audience))
        if lobby:
            keys.append(f"{self.get_prefix()}lobby:{facility}")
        return keys


class LobbyPublisher(LobbyStore, RedisPublisher):
    """A publisher that knows the audience `lobby`."""
