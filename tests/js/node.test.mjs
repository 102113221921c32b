/** The client in Node itself, with Node's own WebSocket and a server that refuses the first handshakes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { MODULE } from './world.mjs';

const FLAG = '--experimental-websocket';  // Node 20 has a WebSocket, but only with this flag; Node 18 has none
const HAS_WEBSOCKET = typeof WebSocket === 'function';
const SKIP = !HAS_WEBSOCKET && !process.allowedNodeEnvironmentFlags.has(FLAG)
    ? 'SKIPPED: this version of Node has no WebSocket; 20.10 or newer has.' : false;

const PROGRAM = `
import { WS4Redis } from ${JSON.stringify(MODULE.href)};
Math.random = () => 0;
const client = new WS4Redis({
    uri: process.argv[1],
    protocols: ['chat', 'token.abc'],
    binaryType: 'arraybuffer',
    connected: () => { console.log('connected'); client.close(); },
    disconnected: event => console.log('disconnected', event.code),
});
`;

function accept(request, socket) {
    const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';  // RFC 6455, 1.3
    socket.write([
        'HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Protocol: chat',
        `Sec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}`, '\r\n',
    ].join('\r\n'));
    socket.on('error', () => {});
    socket.once('data', () => socket.end(Buffer.from([0x88, 0x02, 0x03, 0xe8])));  // answers the close frame: 1000
}

test('refused handshakes are repeated until one succeeds', {skip: SKIP}, async t => {
    const offers = [];
    const server = createServer().on('upgrade', (request, socket) => {
        offers.push(request.headers['sec-websocket-protocol']);
        if (offers.length < 3) {
            socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
        } else {
            accept(request, socket);
        }
    });
    t.after(() => server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const flags = HAS_WEBSOCKET ? [] : [FLAG];
    const uri = `ws://127.0.0.1:${server.address().port}/ws/news`;
    const program = spawn(process.execPath, [...flags, '--input-type=module', '-e', PROGRAM, uri]);
    t.after(() => program.kill());
    let output = '';
    program.stdout.on('data', data => { output += data; });
    const [status] = await once(program, 'close');
    assert.equal(status, 0);
    assert.deepEqual(output.trim().split('\n'), [
        'disconnected 1006', 'disconnected 1006', 'connected', 'disconnected 1000',
    ]);
    assert.deepEqual(offers, Array(3).fill('chat, token.abc'));
});
