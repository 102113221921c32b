"""Black-box checks that run one site on django-websocket-redis and on ws4channels, and print where the two differ."""
