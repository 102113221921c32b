/** Messages that are sent while there is no connection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSING, World } from './world.mjs';

function numbers(count) {
    return Array.from({length: count}, (_, index) => String(index));
}

test('messages sent while connecting are sent in their order, before connected is called', () => {
    const world = new World();
    const client = world.client();
    assert.deepEqual(['a', 'b'].map(client.send_message), [true, true]);
    world.socket.open();
    assert.deepEqual(world.log, ['connecting', 'socket', 'sent a', 'sent b', 'connected']);
});

test('a message that connected sends comes after those that waited', () => {
    const world = new World();
    const client = world.client({connected: () => client.send_message('hello')});
    client.send_message('waited');
    world.socket.open();
    assert.deepEqual(world.socket.sent, ['waited', 'hello']);
});

test('messages sent while waiting to reconnect are sent on the next connection, once', () => {
    const world = new World();
    const client = world.open_client();
    world.socket.end();
    client.send_message('a');
    world.seconds(1);
    world.socket.open();
    assert.deepEqual(world.socket.sent, ['a']);
    world.socket.end();
    world.seconds(3);
    world.socket.open();
    assert.deepEqual(world.socket.sent, []);
});

test('messages stay in the queue over attempts that fail', () => {
    const world = new World();
    const client = world.client();
    client.send_message('a');
    world.socket.end();
    world.seconds(1);
    world.socket.end();
    world.seconds(3);
    world.socket.open();
    assert.deepEqual(world.socket.sent, ['a']);
});

test('messages sent while the connection is closing wait for the next one', () => {
    const world = new World();
    const client = world.open_client();
    const [first] = world.sockets;
    first.readyState = CLOSING;
    assert.equal(client.send_message('a'), true);
    first.end();
    world.seconds(1);
    world.socket.open();
    assert.deepEqual([first.sent, first.sent_too_late, world.socket.sent], [[], [], ['a']]);
});

test('a hundred messages wait, and the next one is refused', () => {
    const world = new World();
    const client = world.client();
    assert.ok(numbers(100).every(message => client.send_message(message)));
    assert.equal(client.send_message('one too many'), false);
    world.socket.open();
    assert.deepEqual(world.socket.sent, numbers(100));
});

test('the size of the queue is an option', () => {
    const world = new World();
    const client = world.client({queue_size: 2});
    assert.deepEqual(['a', 'b', 'c'].map(client.send_message), [true, true, false]);
});

test('an undefined queue size is the default', () => {
    const world = new World();
    const client = world.client({queue_size: undefined});
    assert.equal(numbers(101).filter(message => client.send_message(message)).length, 100);
});

test('a queue of size 0 refuses what cannot be sent at once', () => {
    const world = new World();
    const client = world.client({queue_size: 0});
    assert.equal(client.send_message('a'), false);
    world.socket.open();
    assert.equal(client.send_message('b'), true);
    assert.deepEqual(world.socket.sent, ['b']);
});

test('a queue that was sent has room again', () => {
    const world = new World();
    const client = world.client({queue_size: 1});
    client.send_message('a');
    world.socket.open();
    world.socket.end();
    assert.equal(client.send_message('b'), true);
});

test('a connection that breaks while the queue is sent leaves the rest in the queue', () => {
    const world = new World();
    const client = world.client();
    ['a', 'b', 'c'].forEach(client.send_message);
    const {send} = world.socket;
    world.socket.send = function (data) {
        send.call(this, data);
        this.readyState = CLOSING;
    };
    world.socket.open();
    assert.deepEqual(world.socket.sent, ['a']);
    world.socket.end();
    world.seconds(1);
    world.socket.open();
    assert.deepEqual(world.socket.sent, ['b', 'c']);
});

test('close drops the queue', () => {
    const world = new World();
    const client = world.client();
    client.send_message('a');
    client.close();
    world.socket.open();
    assert.deepEqual(world.socket.sent, []);
});

test('a value becomes text when it is handed over, not when it is sent', () => {
    const world = new World();
    const client = world.client();
    const words = ['a'];
    client.send_message(words);
    words.push('b');
    world.socket.open();
    assert.deepEqual(world.socket.sent, ['a']);
});
