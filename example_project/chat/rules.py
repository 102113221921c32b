"""What browsers may do over their websockets."""


def allowed_channels(request, channels):
    """Let browsers publish broadcasts only; messages to users and groups go through views, which know the sender."""
    return [channel for channel in channels if channel.startswith("subscribe-") or channel == "publish-broadcast"]
