"""What each server process tells of itself in Redis, and questions to all of them. Private."""
