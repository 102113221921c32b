"""A small site with three chats that shows how ws4channels is used."""
