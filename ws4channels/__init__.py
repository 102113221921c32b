"""django-websocket-redis sites on today's Django, Channels and Daphne."""

__version__ = "0.1.0"
