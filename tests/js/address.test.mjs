/** The options `uri` and `protocols` as functions, whose answers may come later, and `binaryType`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSED, CLOSING, CONNECTING, OPEN, World } from './world.mjs';

const FAILED = 'WS4Redis: no websocket could be made, trying again.';

/** A promise, and the functions that settle it. */
function deferred() {
    const result = {};
    result.promise = new Promise((resolve, reject) => Object.assign(result, {resolve, reject}));
    return result;
}

/** A client whose `uri` function numbers its addresses; `make` turns each address into what the function returns. */
function numbered_client(world, make = address => address, options = {}) {
    let calls = 0;
    return world.client({uri: () => make(`ws://site/ws/news?token=${++calls}`), ...options});
}

for (const [kind, make] of [['a text', address => address], ['a promise', async address => address],
    ['a URL', address => new URL(address)], ['a thenable', address => ({then: resolve => resolve(address)})]]) {
    test(`a uri function that returns ${kind} is called for each attempt`, async () => {
        const world = new World();
        numbered_client(world, make);
        for (let attempt = 1; attempt <= 3; attempt++) {
            await world.settle();
            assert.deepEqual(world.sockets.map(socket => String(socket.url)).at(-1), `ws://site/ws/news?token=${attempt}`);
            world.socket.end();
            world.seconds(30);
        }
    });
}

test('a uri function is called after connecting', async () => {
    const world = new World();
    world.client({uri: () => { world.log.push('uri'); return 'ws://site/ws/news'; }});
    await world.settle();
    assert.deepEqual(world.log, ['connecting', 'uri', 'socket']);
});

test('the state is connecting while the uri function has not answered', async () => {
    const world = new World();
    const address = deferred();
    const client = world.client({uri: () => address.promise});
    assert.deepEqual([client.get_state(), client.is_connecting(), client.is_closed()], [CONNECTING, true, false]);
    assert.equal(client.send_message('waits'), true);
    address.resolve('ws://site/ws/news');
    await world.settle();
    world.socket.open();
    assert.deepEqual([client.get_state(), world.socket.sent], [OPEN, ['waits']]);
});

const FAILURES = [
    ['throws', () => { throw new Error('no token'); }, 'Error: no token'],
    ['returns a promise that is rejected', () => Promise.reject(new Error('no token')), 'Error: no token'],
    ['returns a promise that is rejected with a text', () => Promise.reject('no token'), 'no token'],
    ['returns nothing', () => {}, 'Error: The function uri has to return an address; it returned undefined.'],
    ['returns a promise of null', async () => null, 'Error: The function uri has to return an address; it returned null.'],
];

for (const [what, uri, reason] of FAILURES) {
    test(`a uri function that ${what} makes a failed attempt, which is shown and repeated`, async () => {
        const world = new World();
        const events = [];
        const client = world.client({uri, disconnected: event => events.push(event)});
        await world.settle();
        assert.deepEqual(world.console_errors.map(([text, error]) => [text, String(error)]), [[FAILED, reason]]);
        assert.deepEqual(events.map(event => [event.code, event.reason]), [[1006, `No websocket could be made: ${reason}`]]);
        assert.deepEqual([client.get_state(), world.errors], [CLOSED, []]);
        world.clock.advance(499);
        await world.settle();
        assert.equal(events.length, 1);
        world.clock.advance(1);
        await world.settle();
        assert.equal(events.length, 2);
    });
}

test('a uri function that fails counts as a failed attempt, so the delays grow', async () => {
    const world = new World();
    const delays = [];
    world.client({uri: () => Promise.reject(new Error('offline')), waiting: delay => delays.push(delay)});
    for (let attempt = 0; attempt < 6; attempt++) {
        await world.settle();
        world.seconds(15);
    }
    assert.deepEqual(delays, [0.5, 1.5, 3.5, 7.5, 15, 15]);
});

test('a uri function that succeeds after failures connects', async () => {
    const world = new World();
    let is_offline = true;
    world.client({uri: async () => {
        if (is_offline) throw new Error('offline');
        return 'ws://site/ws/news';
    }});
    await world.settle();
    is_offline = false;
    world.seconds(1);
    await world.settle();
    world.socket.open();
    assert.deepEqual(world.log, ['connecting', 'disconnected 1006', 'connecting', 'socket', 'connected']);
});

test('an address that no websocket takes is a failed attempt where a function returned it', async () => {
    const world = new World();
    world.refuses_sockets = true;
    world.client({uri: () => 'nonsense'});
    await world.settle();
    assert.deepEqual(world.console_errors.map(([text, error]) => [text, error.name]), [[FAILED, 'SyntaxError']]);
    assert.deepEqual(world.log, ['connecting', 'disconnected 1006']);
    assert.equal(world.clock.pending, 1);
});

test('a uri function without an answer is a failed attempt after 30 seconds, and a late answer is ignored', async () => {
    const world = new World();
    const answers = [];
    world.client({uri: () => { answers.push(deferred()); return answers.at(-1).promise; }});
    world.seconds(29.999);
    assert.deepEqual(world.log, ['connecting']);
    world.seconds(0.001);
    assert.deepEqual(world.log, ['connecting', 'disconnected 1006']);
    answers[0].resolve('ws://site/ws/too-late');
    await world.settle();
    assert.equal(world.sockets.length, 0);
    world.seconds(1);
    answers[1].resolve('ws://site/ws/news');
    await world.settle();
    assert.deepEqual([world.sockets.map(socket => socket.url), world.clock.pending], [['ws://site/ws/news'], 0]);
});

for (const answer of ['resolve', 'reject']) {
    test(`close while the uri function has not answered ends the attempt, and ${answer} changes nothing`, async () => {
        const world = new World();
        const address = deferred();
        const client = world.client({uri: () => address.promise});
        client.close();
        client.close();
        assert.deepEqual([client.get_state(), world.clock.pending], [CLOSED, 0]);
        await world.settle();
        assert.deepEqual(world.log, ['connecting', 'disconnected 1006']);
        address[answer]('ws://site/ws/news');
        await world.settle();
        world.seconds(600);
        assert.deepEqual(world.log, ['connecting', 'disconnected 1006']);
        assert.deepEqual([world.console_errors, world.clock.pending, world.window.count], [[], 0, 0]);
    });
}

test('a uri function that closes the client makes no connection', async () => {
    const world = new World();
    const client = world.client({uri: () => {
        if (world.sockets.length > 0) client.close();
        return 'ws://site/ws/news';
    }});
    await world.settle();
    world.socket.end();
    world.seconds(1);
    await world.settle();
    world.seconds(600);
    assert.deepEqual([world.sockets.length, world.clock.pending], [1, 0]);
});

test('without the option no subprotocol is offered', () => {
    for (const protocols of [undefined, null, '', []]) {
        const world = new World();
        world.client({protocols});
        assert.deepEqual([...world.socket.protocols], []);
    }
});

test('subprotocols are offered at each attempt', () => {
    const world = new World();
    world.client({protocols: ['chat', 'token.abc']});
    world.socket.end();
    world.seconds(1);
    assert.deepEqual(world.sockets.map(socket => socket.protocols), Array(2).fill(['chat', 'token.abc']));
});

test('a protocols function is called for each attempt, with the uri as it is', async () => {
    const world = new World();
    let tokens = 0;
    world.client({uri: 'ws://site/ws/news', protocols: async () => ['chat', `token.${++tokens}`]});
    await world.settle();
    world.socket.end();
    world.seconds(1);
    await world.settle();
    assert.deepEqual(
        world.sockets.map(socket => [socket.url, [...socket.protocols]]),
        [['ws://site/ws/news', ['chat', 'token.1']], ['ws://site/ws/news', ['chat', 'token.2']]],
    );
});

test('a protocols function that fails makes a failed attempt', async () => {
    const world = new World();
    world.client({protocols: () => { throw new Error('no token'); }});
    await world.settle();
    assert.deepEqual(world.log, ['connecting', 'disconnected 1006']);
    assert.equal(world.console_errors.length, 1);
});

test('the binary type is set on each socket', () => {
    const world = new World();
    world.client({binaryType: 'arraybuffer'});
    world.socket.end();
    world.seconds(1);
    assert.deepEqual(world.sockets.map(socket => socket.binaryType), ['arraybuffer', 'arraybuffer']);
});

test('without the option the binary type is left to the WebSocket', () => {
    const world = new World();
    world.client();
    assert.equal('binaryType' in world.socket, false);
});

test('an unknown binary type is refused with a sentence that names the option', () => {
    const world = new World();
    assert.throws(() => world.client({binaryType: 'text'}), {
        name: 'Error',
        message: 'WS4Redis takes "blob" or "arraybuffer" as the option "binaryType"; it is "text".',
    });
    assert.equal(world.sockets.length, 0);
});

for (const code of [4401, 4403]) {
    test(`after close code ${code} a new address is asked for, and the page can end the client instead`, async () => {
        const world = new World();
        const client = numbered_client(world, undefined, {
            disconnected: event => event.code === code && world.sockets.length === 2 && client.close(),
        });
        await world.settle();
        world.socket.open();
        world.socket.end({code});
        world.seconds(1);
        await world.settle();
        assert.equal(world.socket.url, 'ws://site/ws/news?token=2');
        world.socket.end({code});
        world.seconds(600);
        assert.deepEqual([world.sockets.length, world.clock.pending], [2, 0]);
    });
}

test('a client that closes its socket in the middle of a handshake ends once', async () => {
    const world = new World();
    const client = numbered_client(world);
    await world.settle();
    client.close();
    assert.equal(client.get_state(), CLOSING);
    world.socket.fail();
    world.seconds(600);
    assert.deepEqual(world.log, ['connecting', 'socket', 'disconnected 1006']);
});
