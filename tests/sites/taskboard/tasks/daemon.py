#!/usr/bin/env python
"""Looks after deadlines; started by systemd, outside of any request."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings')

import django
django.setup()

from tasks.live import RedisMessage, board

if __name__ == '__main__':
    for line in sys.stdin:
        board.publish_message(RedisMessage(line.strip()))
