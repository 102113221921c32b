/** With `presence`: what the server is asked for, and what the page is notified of who is here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { control, reconnect, resuming_client } from './positions.mjs';
import { World } from './world.mjs';

function present_client(world, more = {}) {
    const told = [];
    const note = event => (users, channel) => told.push([event, [...users], channel.name || channel.audience]);
    const presence = {now: note('now'), joined: note('joined'), left: note('left'), ...more};
    resuming_client(world, {presence});
    world.socket.open();
    world.socket.receive(control({recovered: null, positions: []}));
    return told;
}

function presence(told) {
    return control({presence: {audience: 'broadcast', anonymous: 0, ...told}});
}

test('the address asks for presence', () => {
    const world = new World();
    present_client(world);
    assert.equal(world.socket.url, 'ws://site/ws/news?subscribe-broadcast&presence&resume');
});

test('the page is told who is here, who joins and who leaves', () => {
    const world = new World();
    const told = present_client(world);
    world.socket.receive(presence({now: ['mary']}));
    world.socket.receive(presence({joined: ['john', 'ann'], left: []}));
    world.socket.receive(presence({joined: [], left: ['mary']}));
    assert.deepEqual(told, [
        ['now', ['mary'], 'broadcast'],
        ['joined', ['john', 'ann'], 'broadcast'], ['now', ['ann', 'john', 'mary'], 'broadcast'],
        ['left', ['mary'], 'broadcast'], ['now', ['ann', 'john'], 'broadcast'],
    ]);
});

test('each channel has its own list', () => {
    const world = new World();
    const told = present_client(world);
    world.socket.receive(presence({now: ['mary']}));
    world.socket.receive(presence({audience: 'group', name: 'staff', now: ['john']}));
    world.socket.receive(presence({audience: 'group', name: 'staff', joined: ['mary'], left: ['john']}));
    assert.deepEqual(told.at(-1), ['now', ['mary'], 'staff']);
    world.socket.receive(presence({joined: ['__proto__'], left: []}));
    assert.deepEqual(told.at(-1), ['now', ['__proto__', 'mary'], 'broadcast']);
});

test('anonymous clients are counted', () => {
    const world = new World();
    let count;
    present_client(world, {now: (users, channel) => count = channel.anonymous});
    world.socket.receive(presence({now: [], anonymous: 1}));
    world.socket.receive(presence({joined: [], left: [], anonymous: 7}));
    assert.equal(count, 7);
});

test('after a reconnection the list is the new one', () => {
    const world = new World();
    const told = present_client(world);
    world.socket.receive(presence({now: ['john', 'mary']}));
    reconnect(world);
    world.socket.receive(control({recovered: true, positions: []}));
    world.socket.receive(presence({now: ['mary']}));
    world.socket.receive(presence({joined: ['ann'], left: []}));
    assert.deepEqual(told.at(-1), ['now', ['ann', 'mary'], 'broadcast']);
});

test('a mistake in one callback does not keep the others from being called', () => {
    const world = new World();
    const told = present_client(world, {joined: () => { throw new Error('The mistake.'); }});
    world.socket.receive(presence({now: []}));
    world.socket.receive(presence({joined: ['ann'], left: []}));
    assert.deepEqual(told.at(-1), ['now', ['ann'], 'broadcast']);
});

test('a page without the option ignores what it is told', () => {
    const world = new World();
    resuming_client(world);
    world.socket.open();
    world.socket.receive(control({recovered: null, positions: []}));
    world.socket.receive(presence({now: ['mary']}));
    assert.deepEqual(world.log, ['connecting', 'socket', 'connected']);
});

for (const options of [{presence: {}, resume: false}, {presence: true, resume: true}]) {
    test(`the option has to be an object, together with resume: ${JSON.stringify(options)}`, () => {
        assert.throws(() => new World().client({uri: 'ws://site/', ...options}), /as the option "presence"/);
    });
}
