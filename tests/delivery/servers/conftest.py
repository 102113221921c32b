"""What the tests on real servers share: the servers, and facilities."""

from __future__ import annotations

from tests.live.conftest import facility
from tests.outbox_site.running import servers_of_module

__all__ = ["facility", "servers"]

servers = servers_of_module()
