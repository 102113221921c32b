"""May this client in, and with what: the handshake of a websocket, and its limits. Private."""
