"""A small site that the live tests run: pages that publish, a sign-in page, a command that publishes, and hooks."""
