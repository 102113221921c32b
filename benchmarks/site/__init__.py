"""The Django site that the servers under test run: ours, stock Channels, and a socket that is only accepted."""
