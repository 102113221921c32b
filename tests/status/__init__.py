"""Tests of the room `ws4channels.status`; others are in ``tests/test_status.py``."""
