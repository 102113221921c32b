"""Commands for a terminal: what they share, and the commands themselves."""
