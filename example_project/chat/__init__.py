"""Three chats: to everybody, to one user, to a group."""
