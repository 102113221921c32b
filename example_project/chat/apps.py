"""Configuration of the chat app."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "example_project.chat"
