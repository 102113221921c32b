"""From one process to its websockets: the hub, its subscribers, and their outboxes. Private."""
