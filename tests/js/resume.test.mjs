/** The options `resume`, `position`, `history` and `binary`: positions, what was missed, and what is told of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from './world.mjs';

const NEWS = 'kAAAAAAAAAAA1', USER = 'k-_AAAAAAAAA2';  // names of keys

function position(number, key = NEWS) {
    return `${key}.${String(number).padStart(16, '0')}`;
}

function frame(number, payload, key = NEWS) {
    return `${position(number, key)}\n${payload}`;
}

function control(members) {
    return `!${JSON.stringify(members)}`;
}

function bytes(frame) {
    return new TextEncoder().encode(frame).buffer;
}

/** A client with `resume` that notes in the world's log what it is told. */
function resuming_client(world, options = {}) {
    return world.client({
        resume: true,
        recovered: ok => world.log.push(`recovered ${ok}`),
        dropped: channels => world.log.push(`dropped ${JSON.stringify(channels)}`),
        ...options,
    });
}

/** The same, connected, with the control frame of a first connection received and the log emptied. */
function resumed_client(world, options, members = {recovered: null, positions: []}) {
    const client = resuming_client(world, options);
    world.socket.open();
    world.socket.receive(control(members));
    world.log.length = 0;
    return client;
}

/** Ends the connection and opens the next one; the log is empty afterwards. */
function reconnect(world) {
    world.socket.end();
    world.network_returns();
    world.socket.open();
    world.log.length = 0;
}

// The address

test('without the options the address goes to the WebSocket as it is', () => {
    for (const uri of ['ws://site/ws/news?&a=%2f&&resume', new URL('ws://site/ws/news?history=5')]) {
        const world = new World();
        world.client({uri, resume: false, history: null, binary: undefined, position: null});
        assert.equal(world.socket.url, uri);
        assert.equal('binaryType' in world.socket, false);
    }
});

const ADDRESSES = [
    [{resume: true}, 'ws://site/ws/news', 'ws://site/ws/news?resume'],
    [{resume: true}, 'ws://site/ws/news?', 'ws://site/ws/news?resume'],
    [{resume: true}, 'ws://site/ws/news?a=%2f&&b?c', 'ws://site/ws/news?a=%2f&b?c&resume'],
    [{resume: true}, 'ws://site/ws/news?a&resume=old&RESUME&resumed', 'ws://site/ws/news?a&resumed&resume'],
    [{resume: true}, 'ws://site/ws/news#1?a', 'ws://site/ws/news?resume#1?a'],
    [{resume: true}, new URL('ws://site/ws/news?a'), 'ws://site/ws/news?a&resume'],
    [{history: 20}, 'ws://site/ws/news?a&history=5', 'ws://site/ws/news?a&history=20'],
    [{binary: true}, 'ws://site/ws/news?a', 'ws://site/ws/news?a&binary'],
    [{binary: true, history: 1, resume: true}, 'ws://s/ws/n?a', 'ws://s/ws/n?a&history=1&binary&resume'],
];

for (const [options, uri, expected] of ADDRESSES) {
    test(`${JSON.stringify(options)} makes ${uri} the address ${expected}`, () => {
        const world = new World();
        world.client({uri, ...options});
        assert.equal(world.socket.url, expected);
    });
}

test('a uri function gets the parameters, and the positions of the moment', async () => {
    const world = new World();
    let calls = 0;
    resuming_client(world, {uri: async () => `ws://site/ws/news?token=${++calls}`, history: 20});
    await world.settle();
    world.socket.open();
    world.socket.receive(control({recovered: null, positions: [position(1)]}));
    world.socket.end();
    world.network_returns();
    await world.settle();
    assert.deepEqual(world.sockets.map(socket => socket.url), [
        'ws://site/ws/news?token=1&history=20&resume',
        `ws://site/ws/news?token=2&history=20&resume=${position(1)}`,
    ]);
});

for (const history of [-1, 2.5, '20', NaN, Infinity, true]) {
    test(`history ${history} ${history ? 'is refused with a sentence that names the option' : 'means none'}`, () => {
        const world = new World();
        if (!history) {
            world.client({history});
            assert.equal(world.socket.url, 'ws://site/ws/news?subscribe-broadcast');
            return;
        }
        assert.throws(() => world.client({history}), {
            name: 'Error',
            message: 'WS4Redis takes a whole number of messages as the option "history", such as 20; ' +
                `it is ${JSON.stringify(history)}.`,
        });
    });
}

for (const options of [{position: 5, resume: true}, {position: position(1)}, {position: position(1), resume: false}]) {
    test(`the options ${JSON.stringify(options)} are refused with a sentence that names them`, () => {
        assert.throws(() => new World().client(options), {
            name: 'Error',
            message: 'WS4Redis takes a text of get_position() as the option "position", together with "resume: true"; ' +
                `it is ${JSON.stringify(options.position)}, and "resume" is ${JSON.stringify(options.resume)}.`,
        });
    });
}

// Messages

test('messages are received without their positions, and as they are otherwise', () => {
    const world = new World();
    resumed_client(world);
    world.socket.receive(frame(1, 'hello'));
    world.socket.receive(frame(2, 'two\nlines'));
    world.socket.receive(frame(3, `!{"gap": true}`));
    world.socket.receive(frame(4, '\n'));
    world.socket.receive('\nunnumbered');
    world.socket.receive('\n!unnumbered');
    assert.deepEqual(world.log, ['hello', 'two\nlines', '!{"gap": true}', '\n', 'unnumbered', '!unnumbered']);
});

test('a message that was received already is dropped, each key by itself', () => {
    const world = new World();
    resumed_client(world, {}, {recovered: null, positions: [position(5)]});
    for (const number of [4, 5, 6, 6, 7, 6, 8]) {
        world.socket.receive(frame(number, `news ${number}`));
    }
    world.socket.receive(frame(3, 'user 3', USER));
    world.socket.receive(frame(3, 'user 3', USER));
    assert.deepEqual(world.log, ['news 6', 'news 7', 'news 8', 'user 3']);
});

test('equal messages with different numbers, or without any, are all received', () => {
    const world = new World();
    resumed_client(world);
    [frame(1, 'ping'), frame(2, 'ping'), '\nping', '\nping'].forEach(each => world.socket.receive(each));
    assert.deepEqual(world.log, ['ping', 'ping', 'ping', 'ping']);
});

test('a position without a payload is kept, and is no message', () => {
    const world = new World();
    const client = resumed_client(world);
    world.socket.receive(frame(7, ''));
    world.socket.receive(bytes(frame(8, '')));
    assert.deepEqual([world.log, client.get_position()], [[], position(8)]);
});

test('heartbeats are answered and are no messages', () => {
    const world = new World();
    resumed_client(world, {heartbeat_msg: '--heartbeat--'});
    for (let beats = 0; beats < 10; beats++) {
        world.seconds(5);
        world.socket.receive('--heartbeat--');
    }
    assert.deepEqual([world.sockets.length, world.warnings], [1, []]);
    assert.deepEqual(new Set(world.log), new Set(['sent --heartbeat--']));
});

test('a heartbeat that comes before the control frame changes nothing', () => {
    const world = new World();
    resuming_client(world, {heartbeat_msg: '!'});
    world.socket.open();
    world.socket.receive('!');
    world.socket.receive(control({recovered: null, positions: []}));
    world.socket.receive(frame(1, 'hello'));
    assert.equal(world.log.at(-1), 'hello');
});

test('what begins with neither position nor line feed is received as it is', () => {
    const world = new World();
    resumed_client(world);
    const others = ['--heartbeat--', 'k.1\nx', `${NEWS}\nx`, `${position(1)} x`, 'x'.repeat(100) + '\n'];
    others.forEach(each => world.socket.receive(each));
    assert.deepEqual(world.log, others);
});

// Binary messages

async function text_of(message) {
    return new TextDecoder().decode(message instanceof Blob ? await message.arrayBuffer() : message);
}

for (const binaryType of [undefined, 'blob', 'arraybuffer']) {
    const kind = binaryType === 'arraybuffer' ? 'ArrayBuffer' : 'Blob';
    test(`with binaryType ${binaryType}, text and binary messages come in their order, and the latter as ${kind}`, async () => {
        const world = new World();
        const received = [];
        const client = resumed_client(world, {binaryType, receive_message: message => received.push(message)});
        assert.equal(world.socket.binaryType, 'arraybuffer');
        world.socket.receive(bytes(frame(1, 'one\n\u00fc')));
        world.socket.receive(frame(2, 'two'));
        world.socket.receive(bytes(frame(2, 'again')));
        world.socket.receive(bytes('\nunnumbered'));
        world.socket.receive(bytes('!{}'));
        assert.deepEqual(received.map(each => each.constructor.name), [kind, 'String', kind, kind]);
        assert.deepEqual(await Promise.all(received.map(each => typeof each === 'string' ? each : text_of(each))), [
            'one\n\u00fc', 'two', 'unnumbered', '!{}',
        ]);
        assert.equal(client.get_position(), position(2));
    });
}

test('bytes that are no UTF-8 are received unchanged', async () => {
    const world = new World();
    const received = [];
    resumed_client(world, {binaryType: 'arraybuffer', receive_message: message => received.push(message)});
    world.socket.receive(new Uint8Array([...new TextEncoder().encode(frame(1, '')), 0, 10, 255, 254]).buffer);
    assert.deepEqual([...new Uint8Array(received[0])], [0, 10, 255, 254]);
});

test('where there is no Blob, binary messages are received as ArrayBuffer', async () => {
    const world = new World({without: ['Blob']});
    const received = [];
    resumed_client(world, {receive_message: message => received.push(message)});
    world.socket.receive(bytes(frame(1, 'hello')));
    assert.equal(await text_of(received[0]), 'hello');
});

// Coming back

test('a client that comes back sends its newest position of each key, also those without a message', () => {
    const world = new World();
    const client = resumed_client(world, {}, {recovered: null, positions: [position(5), position(9, USER)]});
    world.socket.receive(frame(6, 'hello'));
    reconnect(world);
    assert.equal(world.socket.url, `ws://site/ws/news?subscribe-broadcast&resume=${position(9, USER)},${position(6)}`);
    assert.equal(client.get_position(), `${position(9, USER)},${position(6)}`);
});

test('recovered true is told before what was missed, which is received once', () => {
    const world = new World();
    resumed_client(world, {}, {recovered: null, positions: [position(5)]});
    world.socket.receive(frame(6, 'before'));
    reconnect(world);
    world.socket.receive(control({recovered: true, positions: [position(6), position(2, USER)]}));
    [frame(6, 'before'), frame(7, 'missed'), frame(3, 'to me', USER), frame(8, 'live')].forEach(
        each => world.socket.receive(each));
    assert.deepEqual(world.log, ['recovered true', 'missed', 'to me', 'live']);
});

test('recovered false is told before the newest, and positions begin anew', () => {
    const world = new World();
    const client = resumed_client(world, {}, {recovered: null, positions: [position(5), position(5, USER)]});
    reconnect(world);
    world.socket.receive(control({recovered: false, positions: [position(2)]}));
    assert.equal(client.get_position(), position(2));
    world.socket.receive(frame(3, 'newest'));
    assert.deepEqual([world.log, client.get_position()], [['recovered false', 'newest'], position(3)]);
});

test('a first connection is not told of as a recovery', () => {
    const world = new World();
    resuming_client(world);
    world.socket.open();
    world.socket.receive(control({recovered: null, positions: [position(1)]}));
    assert.deepEqual(world.log, ['connecting', 'socket', 'connected']);
});

test('a later gap is told of as recovered false, and its positions replace those of their keys', () => {
    const world = new World();
    const client = resumed_client(world, {}, {recovered: null, positions: [position(1), position(5, USER)]});
    world.socket.receive(control({gap: true, positions: [position(8)]}));
    world.socket.receive(frame(9, 'after'));
    assert.deepEqual(world.log, ['recovered false', 'after']);
    assert.equal(client.get_position(), `${position(9)},${position(5, USER)}`);
});

test('a connection that ends before the control frame keeps the positions for the next one', () => {
    const world = new World();
    resumed_client(world, {}, {recovered: null, positions: [position(5)]});
    reconnect(world);
    reconnect(world);
    assert.ok(world.socket.url.endsWith(`&resume=${position(5)}`));
});

test('at most 4000 characters of positions are sent, the newest, and such a recovery does not count as complete', () => {
    const world = new World();
    const positions = Array.from({length: 200}, (_, index) => position(index, `k${String(index).padStart(12, '0')}`));
    const client = resumed_client(world, {}, {recovered: null, positions});
    reconnect(world);
    const sent = world.socket.url.split('&resume=')[1];
    const fitting = Math.floor(4001 / (positions[0].length + 1));
    assert.deepEqual(sent.split(','), positions.reverse().slice(0, fitting));
    assert.equal(client.get_position(), positions.join());
    world.socket.receive(control({recovered: true, positions}));
    assert.deepEqual(world.log, ['recovered false']);
});

test('positions of exactly 4000 characters are sent as a whole', () => {
    const world = new World();
    const positions = Array.from({length: 129}, (_, index) => position(index, `k${String(index).padStart(12, '0')}`));
    positions[0] = position(0, 'k' + '0'.repeat(13 + 4000 - positions.join().length - 1));
    assert.equal(positions.join().length, 4000);
    resumed_client(world, {}, {recovered: null, positions});
    reconnect(world);
    assert.equal(world.socket.url.split('&resume=')[1].length, 4000);
    world.socket.receive(control({recovered: true, positions}));
    assert.deepEqual(world.log, ['recovered true']);
});

// Positions that the page keeps

test('a client with a position goes on from it at its first connection', () => {
    const world = new World();
    const stored = `${position(6)},${position(5, USER)}`;
    const client = resuming_client(world, {position: stored});
    assert.equal(client.get_position(), stored);
    assert.ok(world.socket.url.endsWith(`&resume=${stored}`));
    world.socket.open();
    world.socket.receive(control({recovered: true, positions: stored.split(',')}));
    world.socket.receive(frame(7, 'missed'));
    assert.deepEqual(world.log.slice(3), ['recovered true', 'missed']);
});

test('what is no position in the option is left out', () => {
    const world = new World();
    resuming_client(world, {position: `nonsense,${position(6)},,k.5,${position(1)}0,&x=1`});
    assert.ok(world.socket.url.endsWith(`&resume=${position(6)}`));
});

for (const none of [undefined, null, '', 'nonsense']) {
    test(`position ${JSON.stringify(none)} is that of a new client`, () => {
        const world = new World();
        const client = resuming_client(world, {position: none});
        assert.equal(client.get_position(), '');
        assert.ok(world.socket.url.endsWith('&resume'));
    });
}

test('in receive_message, the position includes the message', () => {
    const world = new World();
    const client = resumed_client(world, {receive_message: text => world.log.push([text, client.get_position()])});
    world.socket.receive(frame(1, 'hello'));
    assert.deepEqual(world.log, [['hello', position(1)]]);
});

test('close keeps the position, and the method works without its object', () => {
    const world = new World();
    const {close, get_position} = resumed_client(world, {}, {recovered: null, positions: [position(5)]});
    close();
    world.socket.end();
    assert.equal(get_position(), position(5));
});

test('without resume there is no position', () => {
    const world = new World();
    const client = world.open_client();
    [frame(1, 'hello'), control({gap: true})].forEach(each => world.socket.receive(each));
    assert.deepEqual(world.log.slice(-2), [frame(1, 'hello'), control({gap: true})]);
    assert.equal(client.get_position(), '');
});

// What is not as expected

test('channels that are left out are told with the reasons, after each connection', () => {
    const world = new World();
    const dropped = {'subscribe-user': 'anonymous'};
    resuming_client(world);
    world.socket.open();
    world.socket.receive(control({recovered: null, positions: [position(1)], dropped}));
    assert.deepEqual(world.log.slice(3), [`dropped ${JSON.stringify(dropped)}`]);
    reconnect(world);
    world.socket.receive(control({recovered: true, positions: [position(1)], dropped}));
    assert.deepEqual(world.log, ['recovered true', `dropped ${JSON.stringify(dropped)}`]);
});

for (const dropped of [{}, [], ['subscribe-user'], null, 5, 'text']) {
    test(`dropped ${JSON.stringify(dropped)} is not told`, () => {
        const world = new World();
        resumed_client(world);
        world.socket.receive(control({dropped}));
        assert.deepEqual(world.log, []);
    });
}

for (const later of ['!', '!{', '!5', '!null', '![]', '!"text"', '!{}', '!{"presence": 5}', '!{"gap": false}']) {
    test(`the later control frame ${later} is ignored`, () => {
        const world = new World();
        const client = resumed_client(world, {}, {recovered: null, positions: [position(1)]});
        world.socket.receive(later);
        world.socket.receive(frame(2, 'hello'));
        assert.deepEqual([world.log, world.errors, client.get_position()], [['hello'], [], position(2)]);
    });
}

for (const positions of [undefined, null, 5, 'text', {}, [5, null, {}, 'nonsense', [], position(1)]]) {
    test(`a control frame with positions ${JSON.stringify(positions)} is read as far as it can be`, () => {
        const world = new World();
        const client = resumed_client(world, {}, {recovered: null, positions, version: 2});
        assert.equal(client.get_position(), Array.isArray(positions) ? position(1) : '');
        assert.deepEqual(world.errors, []);
    });
}

for (const recovered of ['partly', 5, {}]) {
    test(`recovered ${JSON.stringify(recovered)} counts as false`, () => {
        const world = new World();
        resumed_client(world);
        reconnect(world);
        world.socket.receive(control({recovered, positions: []}));
        assert.deepEqual(world.log, ['recovered false']);
    });
}

for (const name of ['recovered', 'dropped', 'receive_message']) {
    test(`an exception in ${name} is reported and the client goes on`, () => {
        const world = new World();
        const mistake = new Error(`a mistake in ${name}`);
        const client = resumed_client(world, {[name]: () => { throw mistake; }});
        reconnect(world);
        world.socket.receive(control({recovered: true, positions: [], dropped: {'subscribe-user': 'anonymous'}}));
        world.socket.receive(frame(1, 'hello'));
        assert.deepEqual([world.errors, client.get_position()], [[mistake], position(1)]);
    });
}

// A server that knows no positions, such as that of django-websocket-redis

test('frames of a server that sends no control frame are received as they are', async () => {
    const world = new World();
    const received = [];
    const client = resuming_client(world, {receive_message: message => received.push(message)});
    world.socket.open();
    const frames = ['!{hello', frame(1, 'a'), '\nb', '!{"gap": true}'];
    frames.forEach(each => world.socket.receive(each));
    world.socket.receive(bytes(frame(2, 'c')));
    assert.deepEqual(received.slice(0, 4), frames);
    assert.equal(await text_of(received[4]), frame(2, 'c'));
    assert.deepEqual([client.get_position(), world.log], ['', ['connecting', 'socket', 'connected']]);
});

test('a client that comes back to such a server is told that messages may be missing, each time', () => {
    const world = new World();
    resumed_client(world, {}, {recovered: null, positions: [position(5)]});
    for (let connection = 0; connection < 2; connection++) {
        reconnect(world);
        world.socket.receive('hello');
        assert.deepEqual(world.log, ['recovered false', 'hello']);
    }
});

test('a client that comes from such a server is told that messages may be missing, once', () => {
    const world = new World();
    resuming_client(world);
    world.socket.open();
    world.socket.receive('hello');
    reconnect(world);
    world.socket.receive(control({recovered: null, positions: [position(5)]}));
    assert.deepEqual(world.log, ['recovered false']);
    reconnect(world);
    world.socket.receive(control({recovered: true, positions: [position(5)]}));
    assert.deepEqual(world.log, ['recovered true']);
});
