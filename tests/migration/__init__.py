"""Tests of the command that moves a site from django-websocket-redis."""
