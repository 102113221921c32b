/** With `resume`: messages without their positions, text and binary; frames that are not as expected. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    NEWS, USER, bytes, control, frame, position, reconnect, resumed_client, resuming_client, text_of,
} from './positions.mjs';
import { World } from './world.mjs';

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

// Control frames

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
