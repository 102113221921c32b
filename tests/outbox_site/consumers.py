"""A consumer that does what its client tells it, to bring about what servers, sites and libraries may do."""

from __future__ import annotations

import asyncio
import inspect
import json
import socket
from typing import Any

from ws4channels.consumers import FacilityConsumer
from ws4channels.transports.messages import Delivery

ended: list[str] = []
"""The facilities of those consumers whose `disconnect` was called."""


def transport_of(send: Any) -> Any:
    """Return the transport under a server's own ``send``; the one below TLS on Daphne."""
    protocol = send.args[0] if hasattr(send, "args") else send.__self__
    return getattr(protocol.transport, "transport", protocol.transport)


class Commanded(FacilityConsumer):
    """Runs commands: JSON lists of a name and arguments. Waits for each, as consumers do."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Run a command, or do with other messages what every socket does."""
        if text_data is None or not text_data.startswith("["):
            await super().receive(text_data, bytes_data)
            return
        name, *arguments = json.loads(text_data)
        await getattr(self, f"do_{name}")(*arguments)

    async def disconnect(self, code: int) -> None:
        """Take note of it."""
        assert self.agreement is not None
        ended.append(self.agreement.facility)
        await super().disconnect(code)

    def _publish_here(self, text: str) -> None:
        # As the hub does, at once: through Redis nothing would tell when.
        assert self._outbox is not None
        self._outbox.put(Delivery(text))
        self._outbox.flush()

    async def do_send(self, count: int, size: int) -> None:
        """Send numbered messages to this client alone."""
        for number in range(count):
            await self.send(str(number).ljust(size))

    async def do_mix(self, count: int, size: int) -> None:
        """Send numbered messages: even ones to this client alone, odd ones as somebody would publish them."""
        for number in range(count):
            text = str(number).ljust(size)
            if number % 2:
                self._publish_here(text)
            else:
                await self.send(text)

    async def do_alternate(self, count: int, size: int) -> None:
        """Send numbered messages, of each three one by the server's own ``send``, one by ours, one published."""
        for number in range(count):
            text = json.dumps([number, "abcdefghij" * 1000])[:size].ljust(size)
            if number % 3 == 0:
                await self.base_send({"type": "websocket.send", "text": text})
            elif number % 3 == 1:
                await self.send(text)
            else:
                self._publish_here(text)

    async def do_burst(self, count: int, size: int) -> None:
        """Have this client sent numbered messages that somebody would publish, all before it can read one."""
        for number in range(count):
            self._publish_here(str(number).ljust(size))

    async def do_publish(self, *texts: str) -> None:
        """Have this client sent what somebody would publish."""
        for text in texts:
            self._publish_here(text)

    async def do_close(self, code: int, reason: str) -> None:
        """Close, and then try to send some more."""
        await self.close(code, reason)
        await self.send("too late")
        self._publish_here("too late")

    async def do_fail(self) -> None:
        """Fail."""
        raise LookupError("The test wants it.")

    async def do_narrow(self, size: int) -> None:
        """Let the kernel take only so many bytes of this socket's at a time."""
        transport = transport_of(inspect.unwrap(self.base_send))
        handle = transport.getHandle() if hasattr(transport, "getHandle") else transport.get_extra_info("socket")
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
        await self.send("narrow")

    async def do_stream(self, parts: list[str], meanwhile: list[str]) -> None:
        """Send one message in pieces through autobahn's own interface, while others are published."""
        protocol = self.base_send.args[0]
        protocol.beginMessage(isBinary=False)
        for part in parts:
            protocol.beginMessageFrame(len(part))
            for character in part:
                protocol.sendMessageFrameData(character.encode("ascii"))
                self._publish_here(meanwhile.pop(0))
                await asyncio.sleep(0.02)
        protocol.endMessage()

    async def do_chop(self, first: str, then: list[str]) -> None:
        """Send a message that autobahn writes byte by byte, and publish others before it has done so."""
        protocol = self.base_send.args[0]
        protocol.sendFrame(opcode=1, payload=first.encode("ascii"), chopsize=1)
        assert protocol.send_queue, "autobahn has nothing left to write"
        await self.do_publish(*then)
