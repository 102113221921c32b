"""A mixed load on two servers, with faults, and a ledger at its end: ``python -m tests.soak``.

Publishers of all kinds, clients that come, go, dawdle and stall, a Redis that dies, connections that are cut, servers
that are restarted. Nothing here is collected by pytest but the tests of the ledger, ``tests/test_soak.py``.
"""
