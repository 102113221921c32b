/** With `resume`: what a client sends when it comes back, what it is told, and positions that a page stores. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    USER, bytes, control, frame, position, reconnect, resumed_client, resuming_client, text_of,
} from './positions.mjs';
import { World } from './world.mjs';

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

test('a first connection is not notified of as a recovery', () => {
    const world = new World();
    resuming_client(world);
    world.socket.open();
    world.socket.receive(control({recovered: null, positions: [position(1)]}));
    assert.deepEqual(world.log, ['connecting', 'socket', 'connected']);
});

test('a later gap is notified of as recovered false, and its positions replace those of their keys', () => {
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

/** Positions of so many keys, oldest first. */
function many(count) {
    return Array.from({length: count}, (_, index) => position(index, `k${String(index).padStart(12, '0')}`));
}

for (const [path, length] of [['a'.repeat(41), 41], ['%C3%BC'.repeat(100), 600], ['ü'.repeat(100), 900]]) {
    test(`an address with a path of ${length} characters has at most 4000 with positions, the newest of them`, () => {
        const world = new World();
        const uri = `ws://site/ws/${path}?a`;
        const positions = many(200);
        const client = resumed_client(world, {uri}, {recovered: null, positions});
        reconnect(world);
        const sent = world.socket.url.slice(`${uri}&resume=`.length).split(',');
        const rest = 4000 - 'ws://site/ws/?a&resume='.length - length;
        assert.equal(sent.length, Math.floor((rest + 1) / (positions[0].length + 1)));
        assert.deepEqual(sent, positions.reverse().slice(0, sent.length));
        assert.equal(client.get_position(), positions.join());
    });
}

for (const recovered of [true, false, null]) {
    test(`where not all positions could be sent, recovered ${recovered} counts as false, once`, () => {
        const world = new World();
        resumed_client(world, {}, {recovered: null, positions: many(200)});
        reconnect(world);
        world.socket.receive(control({recovered, positions: [position(5)]}));
        assert.deepEqual(world.log, ['recovered false']);
        reconnect(world);
        world.socket.receive(control({recovered: true, positions: [position(5)]}));
        assert.deepEqual(world.log, ['recovered true']);
    });
}

test('an address that leaves no room for a position is as for a new client, and no recovery is complete', () => {
    const world = new World();
    const uri = `ws://site/ws/news?token=${'x'.repeat(3940)}`;
    resumed_client(world, {uri}, {recovered: null, positions: [position(5)]});
    reconnect(world);
    assert.equal(world.socket.url, `${uri}&resume`);
    world.socket.receive(control({recovered: null, positions: [position(5)]}));
    assert.deepEqual(world.log, ['recovered false']);
});

test('an address of exactly 4000 characters is sent with all positions', () => {
    const world = new World();
    const uri = 'ws://site/ws/news?token=' + 'x'.repeat(4000 - 'ws://site/ws/news?token=&resume='.length - 61);
    const positions = [position(5), position(4, USER)];
    resumed_client(world, {uri}, {recovered: null, positions});
    reconnect(world);
    assert.equal(world.socket.url.length, 4000);
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
