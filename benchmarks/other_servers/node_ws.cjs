// Node.js with the package `ws`: each message is framed once, and the frame is written to all sockets.
// Run as `node node_ws.cjs PORT KEY`, with the port of Redis in BENCH_REDIS_PORT; every socket gets what is published to the Redis channel KEY.
"use strict";
const { Sender, WebSocketServer } = require("ws");
const { subscribe } = require("./redis_channel.cjs");

const [port, key] = process.argv.slice(2);
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(port), backlog: 2048, perMessageDeflate: false });

subscribe(Number(process.env.BENCH_REDIS_PORT), key, (message) => {
    const parts = Sender.frame(message, { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: true });
    const frame = Buffer.concat(parts);
    for (const client of server.clients) client._socket.write(frame);
});
