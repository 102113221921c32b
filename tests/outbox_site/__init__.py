"""An ASGI application for the tests of ``ws4channels.servers``, which does as it is told and tells what is in it."""
