/** Reconnection: how long the client waits, what ends the wait early, where it runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from './world.mjs';

/** Asserts that the client, whose connection just ended, makes the next one after exactly this time. */
function assert_reconnects_after(world, milliseconds) {
    const before = world.sockets.length;
    world.clock.advance(milliseconds - 1);
    assert.equal(world.sockets.length, before, `earlier than ${milliseconds} ms`);
    world.clock.advance(1);
    assert.equal(world.sockets.length, before + 1, `not after ${milliseconds} ms`);
}

for (const random of [0.25, 0.5, 0.999]) {
    test(`the delay is a random part (${random}) of a bound that doubles up to 30 seconds`, () => {
        const world = new World();
        world.random = random;
        world.client();
        for (const bound of [1, 3, 7, 15, 30, 30, 30]) {
            world.socket.end();
            assert_reconnects_after(world, random * bound * 1000);
        }
    });
}

test('the delay can be zero', () => {
    const world = new World();
    world.random = 0;
    world.client();
    world.socket.end();
    assert.equal(world.sockets.length, 1);
    world.clock.advance(0);
    assert.equal(world.sockets.length, 2);
});

test('a thousand attempts later the bound is still 30 seconds', () => {
    const world = new World();
    world.client();
    for (let attempt = 0; attempt < 1100; attempt++) {
        world.socket.end();
        world.seconds(15);
    }
    assert.equal(world.sockets.length, 1101);
    world.socket.end();
    assert_reconnects_after(world, 15000);
});

test('a connection that stays open for five seconds resets the delays', () => {
    const world = new World();
    world.client();
    for (let attempt = 0; attempt < 5; attempt++) {
        world.socket.end();
        world.seconds(30);
    }
    world.socket.open();
    world.seconds(5);
    world.socket.end();
    assert_reconnects_after(world, 500);
});

test('a connection that is accepted and closed at once counts as a failed attempt', () => {
    const world = new World();
    world.client();
    for (let attempt = 0; attempt < 5; attempt++) {
        world.socket.open();
        world.socket.end();
        world.seconds(30);
    }
    world.socket.open();
    world.socket.end();
    assert_reconnects_after(world, 15000);
});

test('each attempt calls connecting, and each end disconnected', () => {
    const world = new World();
    world.client();
    world.socket.end();
    world.seconds(1);
    world.socket.open();
    world.socket.end();
    const round = ['connecting', 'socket', 'disconnected 1006'];
    assert.deepEqual(world.log, [...round, 'connecting', 'socket', 'connected', 'disconnected 1006']);
});

test('every attempt goes to the same uri', () => {
    const world = new World();
    world.client({uri: 'ws://site/ws/Überblick#1?echo'});
    world.socket.end();
    world.seconds(1);
    assert.deepEqual(world.sockets.map(socket => socket.url), Array(2).fill('ws://site/ws/Überblick#1?echo'));
});

test('a page that becomes visible reconnects at once', () => {
    const world = new World();
    world.open_client();
    world.show_page('hidden');
    world.socket.end();
    world.show_page();
    assert.equal(world.sockets.length, 2);
});

test('a page that is hidden goes on waiting', () => {
    const world = new World();
    world.open_client();
    world.socket.end();
    world.show_page('hidden');
    assert.equal(world.sockets.length, 1);
    assert_reconnects_after(world, 500);
});

test('a network that returns reconnects at once', () => {
    const world = new World();
    world.open_client();
    world.socket.end();
    world.network_returns();
    assert.equal(world.sockets.length, 2);
});

test('an early reconnection replaces the planned one', () => {
    const world = new World();
    world.open_client();
    world.socket.end();
    world.network_returns();
    world.network_returns();
    world.show_page();
    world.seconds(600);
    assert.equal(world.sockets.length, 2);
});

test('an early reconnection that fails counts as an attempt', () => {
    const world = new World();
    world.open_client();
    world.socket.end();
    world.network_returns();
    world.socket.end();
    assert_reconnects_after(world, 1500);
});

test('a client that is connected does not listen to page or network', () => {
    const world = new World();
    world.open_client();
    assert.deepEqual([world.window.count, world.document.count], [0, 0]);
    world.socket.end();
    assert.deepEqual([world.window.count, world.document.count], [1, 1]);
    world.seconds(1);
    assert.deepEqual([world.window.count, world.document.count], [0, 0]);
});

test('a worker, which has no document, reconnects when the network returns', () => {
    const world = new World({without: ['document']});
    world.open_client();
    world.socket.end();
    world.network_returns();
    assert.equal(world.sockets.length, 2);
});

test('Node, which has neither window nor document, reconnects by time', () => {
    const world = new World({without: ['document', 'addEventListener', 'removeEventListener', 'CloseEvent']});
    const client = world.open_client();
    world.socket.end();
    assert_reconnects_after(world, 500);
    client.close();
    assert.equal(world.clock.pending, 0);
});

test('a browser that refuses a later socket is reported and tried again', () => {
    const world = new World();
    world.open_client();
    world.socket.end();
    world.refuses_sockets = true;
    world.seconds(1);
    assert.deepEqual(world.errors.map(error => error.name), ['SyntaxError']);
    world.refuses_sockets = false;
    world.seconds(3);
    assert.equal(world.sockets.length, 2);
});

test('a failed handshake that is reported by error alone, as in Node 22, is tried again', () => {
    const world = new World({without: ['document', 'addEventListener', 'removeEventListener', 'CloseEvent']});
    const events = [];
    const client = world.client({disconnected: event => events.push({...event})});
    world.socket.fail();
    world.seconds(0);
    assert.deepEqual(events, [{type: 'close', code: 1006, reason: 'The connection failed.', wasClean: false}]);
    assert.equal(client.is_closed(), true);
    assert_reconnects_after(world, 500);
    world.socket.fail();
    world.seconds(0);
    assert_reconnects_after(world, 1500);
});

test('error and close of one failure make one attempt', () => {
    const world = new World();
    world.client();
    const [first] = world.sockets;
    first.end();  // fires both
    first.fail();
    world.seconds(30);
    assert.deepEqual(world.log, ['connecting', 'socket', 'disconnected 1006', 'connecting', 'socket']);
});

test('a close that follows the error later is the end of that connection', () => {
    const world = new World();
    world.open_client({heartbeat_msg: '--heartbeat--'});
    world.socket.fail();
    world.seconds(1.999);
    assert.equal(world.log.at(-1), 'connected');
    world.socket.end({code: 1002});
    world.seconds(0.4);
    assert.deepEqual(world.log, ['connecting', 'socket', 'connected', 'disconnected 1002']);
    assert_reconnects_after(world, 100);
});

test('an open connection that reports an error and no close is given up after two seconds', () => {
    const world = new World();
    world.open_client();
    world.socket.fail();
    world.seconds(2);
    assert.equal(world.log.at(-1), 'disconnected 1006');
    assert_reconnects_after(world, 500);
});

test('waiting is called with the seconds until the next attempt', () => {
    const world = new World();
    const client = world.open_client({waiting: seconds => world.log.push(`waiting ${seconds}`)});
    world.socket.end();
    world.seconds(0.5);
    world.socket.end();
    assert.deepEqual(world.log.slice(3), [
        'disconnected 1006', 'waiting 0.5', 'connecting', 'socket', 'disconnected 1006', 'waiting 1.5',
    ]);
    client.close();
});

test('waiting is not called for a client that is closed', () => {
    const world = new World();
    const client = world.open_client({disconnected: () => client.close(), waiting: () => assert.fail('called')});
    world.socket.end();
    world.seconds(600);
});

test('a client closed by waiting does not reconnect', () => {
    const world = new World();
    const client = world.open_client({waiting: () => client.close()});
    world.socket.end();
    assert.deepEqual([world.clock.pending, world.window.count, world.document.count], [0, 0, 0]);
    world.seconds(600);
    assert.equal(world.sockets.length, 1);
});
