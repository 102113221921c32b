"""What browsers may do over their websockets."""

from ws4channels.subscriber import facility_of

WRITTEN_BY_VIEWS = ("user-chat", "group-chat")


def allowed_channels(request, channels):
    """Let browsers subscribe and see who is here, and publish broadcasts.

    Messages to users and groups go through views, which know the sender.
    """
    publishing = [] if facility_of(request) in WRITTEN_BY_VIEWS else ["publish-broadcast"]
    return [name for name in channels if name.startswith("subscribe-") or name in ("presence", *publishing)]
