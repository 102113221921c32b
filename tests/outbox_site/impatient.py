"""The same application, which gives clients that do not read a second instead of ten to take note of their closing."""

from tests.outbox_site.asgi import application
from ws4channels.delivery import outbox
from ws4channels.delivery.servers import daphne, uvicorn

__all__ = ["application"]

for module in (outbox, daphne, uvicorn):
    module.CLOSE_TIMEOUT = 1.0  # type: ignore[attr-defined]
