"""Tests of the room `ws4channels.presence`."""
