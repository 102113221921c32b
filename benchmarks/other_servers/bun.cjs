// Bun, whose websockets are uWebSockets, in C++: its own publish and subscribe.
// Run as `bun bun.cjs PORT KEY`, with the port of Redis in BENCH_REDIS_PORT; every socket gets what is published to the Redis channel KEY.
"use strict";
const { subscribe } = require("./redis_channel.cjs");

const [port, key] = process.argv.slice(2);
const server = Bun.serve({
    hostname: "127.0.0.1",
    port: Number(port),
    fetch: (request, self) => (self.upgrade(request) ? undefined : new Response("websockets only", { status: 400 })),
    websocket: { open: (socket) => socket.subscribe(key), message: () => {}, perMessageDeflate: false },
});

subscribe(Number(process.env.BENCH_REDIS_PORT), key, (message) => server.publish(key, message.toString()));
