"""The benchmark: what a delivery, a socket and a publish cost, each measured beside what it replaces.

Run it with ``python -m benchmarks`` (``make bench``); ``README.md`` in this directory tells how to read the result.
"""
