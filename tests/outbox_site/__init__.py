"""An ASGI application for the tests of outboxes: it sends what it is told to and reports its state."""
