// The messages of one Redis channel, for servers in JavaScript; needs no client library.
"use strict";
const net = require("node:net");

// Call `take` with each message as a Buffer. Messages are arrays of three: "message", the channel and the content.
exports.subscribe = (port, channel, take) => {
    const connection = net.connect(port, "127.0.0.1", () => connection.write(`SUBSCRIBE ${channel}\r\n`));
    let data = Buffer.alloc(0);

    const takeNext = () => {
        let position = data.indexOf("\r\n") + 2;
        if (position < 2 || data[0] !== 0x2a) return false;
        const items = [];
        for (let left = Number(data.toString("latin1", 1, position - 2)); left > 0; left -= 1) {
            const end = data.indexOf("\r\n", position);
            if (end < 0) return false;
            const size = Number(data.toString("latin1", position + 1, end));
            const isNumber = data[position] === 0x3a;
            position = end + 2;
            if (isNumber) continue;
            if (data.length < position + size + 2) return false;
            items.push(data.subarray(position, position + size));
            position += size + 2;
        }
        data = data.subarray(position);
        if (items[0].toString() === "message") take(items[2]);
        return true;
    };

    connection.on("data", (chunk) => {
        data = data.length ? Buffer.concat([data, chunk]) : chunk;
        while (data.length && takeNext());
    });
};
