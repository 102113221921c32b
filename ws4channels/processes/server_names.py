"""Which server runs this process."""

from __future__ import annotations

import sys


def server_name() -> str:
    """Return ``daphne``, ``uvicorn``, ``hypercorn`` or ``granian``, or ``other``.

    Daphne's modules are loaded in every process that has it in INSTALLED_APPS: it counts only while its reactor runs.
    """
    reactor = sys.modules.get("twisted.internet.reactor")
    if "daphne.server" in sys.modules and getattr(reactor, "running", False):
        return "daphne"
    return next((name for name in ("uvicorn", "hypercorn", "granian") if name in sys.modules), "other")
