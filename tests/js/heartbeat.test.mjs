/** Heartbeats: when they are sent, when they end, and what happens without an answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSED, CLOSING, OPEN, World } from './world.mjs';

const HEARTBEAT = '--heartbeat--';

function open_client(world, options = {}) {
    return world.open_client({heartbeat_msg: HEARTBEAT, ...options});
}

function count(world, entry) {
    return world.log.filter(item => item === entry).length;
}

test('a heartbeat is sent every five seconds', () => {
    const world = new World();
    open_client(world);
    world.seconds(4.999);
    assert.deepEqual(world.socket.sent, []);
    for (let beats = 1; beats <= 10; beats++) {
        world.seconds(5);
        world.socket.receive(HEARTBEAT);
        assert.deepEqual(world.socket.sent, Array(beats).fill(HEARTBEAT));
    }
});

for (const heartbeat_msg of [undefined, null, '']) {
    test(`without a heartbeat (${JSON.stringify(heartbeat_msg)}) nothing is sent, and a silent server is not disconnected`, () => {
        const world = new World();
        open_client(world, {heartbeat_msg});
        world.seconds(600);
        assert.deepEqual([world.socket.sent, world.socket.readyState], [[], OPEN]);
    });
}

test('heartbeats are not handed to receive_message', () => {
    const world = new World();
    open_client(world);
    world.socket.receive(HEARTBEAT);
    world.socket.receive(`${HEARTBEAT} and more`);
    assert.equal(count(world, HEARTBEAT), 0);
    assert.equal(count(world, `${HEARTBEAT} and more`), 1);
});

test('without a heartbeat its text is a message like any other', () => {
    const world = new World();
    world.open_client();
    world.socket.receive(HEARTBEAT);
    assert.equal(count(world, HEARTBEAT), 1);
});

test('the connection is closed after three heartbeats without an answer', () => {
    const world = new World();
    open_client(world);
    world.seconds(19.999);
    assert.equal(world.socket.readyState, OPEN);
    world.seconds(0.001);
    assert.equal(world.socket.readyState, CLOSING);
    assert.deepEqual(world.socket.sent, [HEARTBEAT, HEARTBEAT, HEARTBEAT]);
    assert.deepEqual(world.warnings, ['WS4Redis: no answer to 3 heartbeats, connecting again.']);
});

test('any heartbeat of the server starts the count again', () => {
    const world = new World();
    open_client(world);
    world.seconds(19);
    world.socket.receive(HEARTBEAT);
    world.seconds(15);
    assert.equal(world.socket.readyState, OPEN);
    world.seconds(1);
    assert.equal(world.socket.readyState, CLOSING);
});

test('other messages do not count as heartbeats', () => {
    const world = new World();
    open_client(world);
    world.seconds(19);
    world.socket.receive('hello');
    world.seconds(1);
    assert.equal(world.socket.readyState, CLOSING);
});

test('a connection closed for missed heartbeats is made again', () => {
    const world = new World();
    open_client(world);
    world.seconds(20);
    world.socket.end({code: 1005});
    world.seconds(1);
    assert.equal(world.sockets.length, 2);
    assert.equal(count(world, 'disconnected 1005'), 1);
});

test('a close handshake that never completes delays the reconnection by two seconds', () => {
    const world = new World();
    world.random = 0;
    open_client(world);
    world.seconds(21.999);
    assert.equal(world.sockets.length, 1);
    world.seconds(0.001);
    assert.equal(world.sockets.length, 2);
});

test('disconnected is called with code 1006 for an abandoned connection', () => {
    const world = new World();
    const events = [];
    open_client(world, {disconnected: event => events.push(event)});
    world.seconds(22);
    assert.equal(events.length, 1);
    assert.ok(events[0] instanceof world.page.CloseEvent);
    const {type, code, wasClean, reason} = events[0];
    assert.deepEqual([type, code, wasClean, reason], ['close', 1006, false, 'The close handshake did not complete.']);
});

test('disconnected is given a plain object where there is no CloseEvent', () => {
    const world = new World({without: ['CloseEvent']});
    const events = [];
    open_client(world, {disconnected: event => events.push({...event})});
    world.seconds(22);
    const reason = 'The close handshake did not complete.';
    assert.deepEqual(events, [{type: 'close', code: 1006, reason, wasClean: false}]);
});

test('later events of an abandoned connection are ignored', () => {
    const world = new World();
    const client = open_client(world);
    const abandoned = world.socket;
    world.seconds(22);
    world.seconds(1);
    world.socket.open();
    const before = [...world.log];
    abandoned.receive('too late');
    abandoned.end();
    abandoned.open();
    assert.deepEqual(world.log, before);
    assert.equal(client.is_connected(), true);
    assert.equal(count(world, 'disconnected 1006'), 1);
});

test('the state of a client that abandoned its connection is closed', () => {
    const world = new World();
    const client = open_client(world);
    world.seconds(22);
    assert.equal(client.get_state(), CLOSED);
});

test('a close handshake that completes within two seconds ends the connection once', () => {
    const world = new World();
    open_client(world);
    world.seconds(21);
    world.socket.end({code: 1000});
    world.seconds(60);
    assert.equal(world.log.filter(entry => entry.startsWith('disconnected')).length, 1);
});

test('close during an uncompleted close handshake ends its timer', () => {
    const world = new World();
    const client = open_client(world);
    world.seconds(20);
    client.close();
    assert.equal(world.clock.pending, 0);
    world.socket.end();
    world.seconds(600);
    assert.deepEqual([world.sockets.length, count(world, 'disconnected 1006')], [1, 1]);
});

test('no heartbeat is sent after the connection ended', () => {
    const world = new World();
    world.random = 0.999;
    open_client(world);
    const [first] = world.sockets;
    first.end();
    for (let round = 0; round < 20; round++) {
        world.seconds(5);
        world.socket.end();
    }
    assert.ok(world.sockets.length > 5);
    world.sockets.forEach(socket => assert.deepEqual([socket.sent, socket.sent_too_late], [[], []]));
});

test('no heartbeat is sent while the server closes the connection, and the wait for its end is short', () => {
    const world = new World();
    open_client(world);
    const [first] = world.sockets;
    first.readyState = CLOSING;
    world.seconds(5 + 2 + 1);
    assert.deepEqual([first.sent, first.sent_too_late], [[], []]);
    assert.deepEqual([world.sockets.length, count(world, 'disconnected 1006')], [2, 1]);
    assert.deepEqual(world.warnings, []);
});

test('no heartbeat is sent after close', () => {
    const world = new World();
    open_client(world).close();
    world.seconds(600);
    assert.deepEqual(world.socket.sent_too_late, []);
});

test('each connection starts its own count and clock', () => {
    const world = new World();
    world.random = 0;
    open_client(world);
    world.seconds(19);
    world.socket.end();
    world.seconds(0);
    world.socket.open();
    world.seconds(4.999);
    assert.deepEqual(world.socket.sent, []);
    world.seconds(15);
    assert.deepEqual([world.socket.sent.length, world.socket.readyState], [3, OPEN]);
    world.seconds(0.001);
    assert.equal(world.socket.readyState, CLOSING);
});
