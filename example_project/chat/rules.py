"""What browsers may do over their websockets."""


def allowed_channels(request, channels):
    """Let browsers publish to everybody only; users and groups are spoken to by views, which know who speaks."""
    return [channel for channel in channels if channel.startswith("subscribe-") or channel == "publish-broadcast"]
