"""Tests that run real servers: every way to run a site, each in processes of its own."""
