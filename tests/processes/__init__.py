"""Tests of `ws4channels.processes`."""
