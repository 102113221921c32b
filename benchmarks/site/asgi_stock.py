"""Stock: what the Channels tutorial writes, with the same guards as ours: origin, session, user."""

import os

from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.site.settings")

pages = get_asgi_application()


class GroupConsumer(AsyncWebsocketConsumer):
    """Joins one group, named as the last part of the URL, and forwards its messages."""

    async def connect(self) -> None:
        self.group = self.scope["url_route"]["kwargs"]["facility"]
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def bench_message(self, event: dict[str, str]) -> None:
        await self.send(text_data=event["text"])


websockets = URLRouter([path("ws/<str:facility>", GroupConsumer.as_asgi())])
application = ProtocolTypeRouter(
    {"http": pages, "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(websockets))}
)
