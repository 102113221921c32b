"""A site as it was written for ws4redis: of ws4channels it has one line in its settings, and an asgi.py."""
