/** The API of one connection: construction, callbacks, states, messages, closing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSED, CLOSING, CONNECTING, OPEN, World } from './world.mjs';

const STATES = ['is_connecting', 'is_connected', 'is_closing', 'is_closed'];
const NEVER_CALLED = () => assert.fail('called');

function states(client) {
    return STATES.filter(name => client[name]());
}

test('the client connects to its uri as soon as it is created', () => {
    const world = new World();
    world.client({uri: 'wss://site/ws/a:b?echo'});
    assert.deepEqual(world.log, ['connecting', 'socket']);
    assert.equal(world.socket.url, 'wss://site/ws/a:b?echo');
});

test('new can be left out', () => {
    const world = new World();
    const {WS4Redis} = world;
    const client = WS4Redis({uri: 'ws://site/ws/news'});
    assert.ok(client instanceof WS4Redis);
    assert.equal(world.sockets.length, 1);
});

test('new can be left out when the client is called as a property', () => {
    const world = new World();
    const app = {WS4Redis: world.WS4Redis};
    app.WS4Redis({uri: 'ws://site/ws/news'});
    assert.deepEqual(Object.keys(app), ['WS4Redis']);
});

test('jQuery is accepted and not touched', () => {
    const world = new World();
    const jquery = new Proxy(function () {}, {get: NEVER_CALLED, apply: NEVER_CALLED});
    new world.WS4Redis({uri: 'ws://site/ws/news'}, jquery);
    world.WS4Redis({uri: 'ws://site/ws/news'}, jquery);
    assert.equal(world.sockets.length, 2);
});

for (const [text, options] of [['undefined', undefined], ['undefined', {}], ['null', {uri: null}], ['""', {uri: ''}]]) {
    test(`options ${JSON.stringify(options)} are refused with a sentence that names the uri`, () => {
        const world = new World();
        assert.throws(() => new world.WS4Redis(options), {
            name: 'Error',
            message: 'WS4Redis needs the option "uri", the address of a websocket ' +
                `such as "wss://example.com/ws/news?subscribe-broadcast"; it is ${text}.`,
        });
        assert.equal(world.sockets.length, 0);
    });
}

test('a uri that no websocket takes raises the error of the browser and leaves nothing behind', () => {
    const world = new World();
    world.refuses_sockets = true;
    assert.throws(() => world.client(), {name: 'SyntaxError'});
    assert.deepEqual([world.clock.pending, world.window.count, world.document.count], [0, 0, 0]);
});

test('options changed after creation have no effect', () => {
    const world = new World();
    const options = {uri: 'ws://site/ws/news', connected: () => world.log.push('first')};
    new world.WS4Redis(options);
    options.connected = NEVER_CALLED;
    world.socket.open();
    assert.deepEqual(world.log, ['socket', 'first']);
});

test('no callback is required', () => {
    const world = new World();
    new world.WS4Redis({uri: 'ws://site/ws/news', connected: null, receive_message: 'not a function'});
    world.socket.open();
    world.socket.receive('hello');
    world.socket.end();
    assert.deepEqual(world.errors, []);
});

test('callbacks are called in the order of events', () => {
    const world = new World();
    world.open_client();
    world.socket.receive('hello');
    world.socket.end({code: 1001});
    assert.deepEqual(world.log, ['connecting', 'socket', 'connected', 'hello', 'disconnected 1001']);
});

test('disconnected is given the event of the socket', () => {
    const world = new World();
    const events = [];
    world.open_client({disconnected: event => events.push(event)});
    world.socket.end({code: 4001, reason: 'go away', wasClean: true});
    assert.deepEqual(events, [{type: 'close', code: 4001, reason: 'go away', wasClean: true}]);
});

test('a connection that could not be made is reported as disconnected', () => {
    const world = new World();
    world.client();
    world.socket.end();
    assert.deepEqual(world.log, ['connecting', 'socket', 'disconnected 1006']);
});

test('the state is that of the socket', () => {
    const world = new World();
    const client = world.client();
    assert.deepEqual([client.get_state(), states(client)], [CONNECTING, ['is_connecting']]);
    world.socket.open();
    assert.deepEqual([client.get_state(), states(client)], [OPEN, ['is_connected']]);
    client.close();
    assert.deepEqual([client.get_state(), states(client)], [CLOSING, ['is_closing']]);
    world.socket.end();
    assert.deepEqual([client.get_state(), states(client)], [CLOSED, ['is_closed']]);
});

test('the state while waiting to reconnect is closed', () => {
    const world = new World();
    const client = world.open_client();
    world.socket.end();
    assert.deepEqual([client.get_state(), states(client)], [CLOSED, ['is_closed']]);
});

test('methods work without their object', () => {
    const world = new World();
    const {send_message, get_state, close} = world.open_client();
    assert.equal(send_message('hello'), true);
    assert.equal(get_state(), OPEN);
    close();
    assert.equal(get_state(), CLOSING);
});

test('binary messages arrive as they came', () => {
    const world = new World();
    const received = [];
    world.open_client({receive_message: message => received.push(message), heartbeat_msg: '--heartbeat--'});
    const messages = [new Blob(['a']), new ArrayBuffer(3)];
    messages.forEach(message => world.socket.receive(message));
    assert.equal(received.length, 2);
    messages.forEach((message, index) => assert.equal(received[index], message));
});

test('a message is sent at once while connected', () => {
    const world = new World();
    const client = world.open_client();
    assert.equal(client.send_message('hello'), true);
    assert.deepEqual(world.socket.sent, ['hello']);
});

test('binary data is sent as it is', () => {
    const world = new World();
    const client = world.open_client();
    const messages = [new Blob(['a']), new ArrayBuffer(3), new Uint8Array(2), new DataView(new ArrayBuffer(1))];
    messages.forEach(message => assert.equal(client.send_message(message), true));
    assert.equal(world.socket.sent.length, 4);
    messages.forEach((message, index) => assert.equal(world.socket.sent[index], message));
});

test('other values are sent as the text a websocket makes of them', () => {
    const world = new World();
    const client = world.open_client();
    [5, null, true].forEach(client.send_message);
    assert.deepEqual(world.socket.sent, ['5', 'null', 'true']);
});

test('empty messages are refused, connected or not', () => {
    const world = new World();
    const client = world.client();
    const empty = ['', new ArrayBuffer(0), new Uint8Array(0), new Blob([])];
    assert.deepEqual(empty.map(client.send_message), [false, false, false, false]);
    world.socket.open();
    assert.deepEqual(empty.map(client.send_message), [false, false, false, false]);
    assert.deepEqual(world.socket.sent, []);
});

test('binary messages can be sent where there is no Blob', () => {
    const world = new World({without: ['Blob']});
    const client = world.open_client();
    assert.equal(client.send_message(new Uint8Array(2)), true);
    assert.equal(client.send_message('hello'), true);
});

test('close ends an open connection without another', () => {
    const world = new World();
    world.open_client({heartbeat_msg: '--heartbeat--'}).close();
    assert.equal(world.socket.readyState, CLOSING);
    world.socket.end({code: 1000});
    world.seconds(600);
    assert.deepEqual(world.log, ['connecting', 'socket', 'connected', 'disconnected 1000']);
    assert.equal(world.clock.pending, 0);
});

test('close ends an attempt to connect', () => {
    const world = new World();
    world.client().close();
    assert.equal(world.socket.readyState, CLOSING);
    world.socket.end();
    world.seconds(600);
    assert.deepEqual(world.log, ['connecting', 'socket', 'disconnected 1006']);
});

test('a connection that opens just when close is called is not used', () => {
    const world = new World();
    world.client({heartbeat_msg: '--heartbeat--'}).close();
    world.socket.open();
    assert.deepEqual([world.log, world.clock.pending], [['connecting', 'socket'], 0]);
});

test('close ends the wait for a reconnection', () => {
    const world = new World();
    const client = world.open_client();
    world.socket.end();
    client.close();
    assert.deepEqual([world.clock.pending, world.window.count, world.document.count], [0, 0, 0]);
    world.network_returns();
    world.show_page();
    world.seconds(600);
    assert.equal(world.sockets.length, 1);
    assert.equal(client.is_closed(), true);
});

test('close ends every timer at once, before the socket answers', () => {
    const world = new World();
    const client = world.open_client({heartbeat_msg: '--heartbeat--'});
    assert.equal(world.clock.pending, 1);
    client.close();
    assert.equal(world.clock.pending, 0);
});

test('close can be repeated in every state', () => {
    const world = new World();
    const client = world.open_client();
    client.close();
    client.close();
    world.socket.end();
    client.close();
    assert.equal(world.log.filter(entry => entry.startsWith('disconnected')).length, 1);
    assert.deepEqual([world.sockets.length, world.clock.pending], [1, 0]);
});

test('sending after close raises an InvalidStateError', () => {
    const world = new World();
    const client = world.open_client();
    client.close();
    const refusal = {
        name: 'InvalidStateError',
        message: 'WS4Redis is closed: close() was called, and nothing can be sent after it.',
    };
    assert.throws(() => client.send_message('hello'), refusal);
    world.socket.end();
    assert.throws(() => client.send_message('hello'), refusal);
});

for (const name of ['connecting', 'connected', 'receive_message', 'disconnected']) {
    test(`an exception in ${name} is reported and the client goes on`, () => {
        const world = new World();
        const mistake = new Error(`a mistake in ${name}`);
        world.open_client({[name]: () => { throw mistake; }, heartbeat_msg: '--heartbeat--'});
        world.socket.receive('hello');
        world.seconds(5);
        assert.deepEqual(world.socket.sent, ['--heartbeat--']);
        world.socket.end();
        world.seconds(1);
        assert.equal(world.sockets.length, 2);
        assert.ok(world.errors.length > 0 && world.errors.every(error => error === mistake));
    });
}

test('an exception in a callback is rethrown later where reportError is missing', () => {
    const world = new World({without: ['reportError']});
    const rethrow = [];
    world.page.queueMicrotask = action => rethrow.push(action);
    const mistake = new Error('a mistake');
    world.open_client({connected: () => { throw mistake; }});
    assert.equal(rethrow.length, 1);
    assert.throws(rethrow[0], mistake);
});

test('a client closed by connecting does not connect', () => {
    const world = new World();
    const client = world.open_client({connecting: () => world.sockets.length > 0 && client.close()});
    world.socket.end();
    world.seconds(600);
    assert.deepEqual([world.sockets.length, world.clock.pending], [1, 0]);
});

test('a client closed by connected closes its connection', () => {
    const world = new World();
    const client = world.client({connected: () => client.close(), heartbeat_msg: '--heartbeat--'});
    world.socket.open();
    assert.deepEqual([world.socket.readyState, world.clock.pending], [CLOSING, 0]);
});

test('a client closed by disconnected does not reconnect', () => {
    const world = new World();
    const client = world.open_client({disconnected: () => client.close()});
    world.socket.end();
    assert.deepEqual([world.clock.pending, world.window.count, world.document.count], [0, 0, 0]);
});

test('a client without faults writes nothing to the console', () => {
    const world = new World();
    const client = world.open_client();
    world.socket.receive('hello');
    world.socket.end();
    world.seconds(1);
    world.socket.open();
    client.close();
    assert.deepEqual(world.warnings, []);
});
