"""Messages between processes: through a Django Channels layer, or through Redis itself. Private."""
