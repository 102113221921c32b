/** Event streams in place of websockets: the option `transport`, what is received, and what goes by POST. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSED, CONNECTING, OPEN, World } from './world.mjs';
import { USER, position, resuming_client, text_of } from './positions.mjs';

const URI = 'wss://site/ws/news?subscribe-broadcast&publish-broadcast';
const PATH = 'https://site/ws/news?subscribe-broadcast&publish-broadcast';

function assert_reports_post(world, reason) {
    assert.deepEqual(world.console_errors.map(([text]) => text), [`WS4Redis: a message was not published: ${reason}`]);
}

test('sse opens an event stream with cookies, and no websocket', () => {
    const world = new World();
    const client = world.client({uri: URI, transport: 'sse', history: 20});
    assert.equal(world.stream.url, `${PATH}&history=20`);
    assert.equal(world.stream.options.withCredentials, true);
    assert.deepEqual([world.sockets.length, client.get_state()], [0, CONNECTING]);
    world.stream.open();
    assert.equal(client.get_state(), OPEN);
    world.stream.receive('hello');
    assert.deepEqual(world.log, ['connecting', 'stream', 'connected', 'hello']);
});

test('by default there is no event stream', () => {
    const world = new World();
    world.client();
    world.socket.end();
    world.network_returns();
    assert.deepEqual([world.sockets.length, world.streams.length], [2, 0]);
});

test('a transport that is none is refused', () => {
    assert.throws(() => new World().client({transport: 'SSE'}), {
        message: 'WS4Redis takes "websocket", "sse" or "auto" as the option "transport"; it is "SSE".',
    });
});

test('auto falls back after a websocket that never opened, and stays with the stream that did', () => {
    const world = new World();
    world.client({uri: URI, transport: 'auto'});
    world.socket.end();
    world.network_returns();
    world.stream.open();
    assert.deepEqual(world.log, ['connecting', 'socket', 'disconnected 1006', 'connecting', 'stream', 'connected']);
    world.stream.end();
    world.network_returns();
    assert.deepEqual([world.sockets.length, world.streams.length], [1, 2]);
});

test('auto tries both in turn while neither opens', () => {
    const world = new World();
    world.client({transport: 'auto'});
    for (const attempt of [() => world.socket, () => world.stream, () => world.socket, () => world.stream]) {
        attempt().end();
        world.network_returns();
    }
    assert.deepEqual(world.log.filter(each => ['socket', 'stream'].includes(each)),
        ['socket', 'stream', 'socket', 'stream', 'socket']);
});

test('auto stays with a websocket that has opened once', () => {
    const world = new World();
    world.client({transport: 'auto'});
    world.socket.open();
    for (let attempt = 0; attempt < 3; attempt++) {
        world.socket.end();
        world.network_returns();
    }
    assert.deepEqual([world.sockets.length, world.streams.length], [4, 0]);
});

test('auto gives up a websocket that a proxy neither opens nor ends', () => {
    const world = new World();
    world.client({transport: 'auto'});
    world.seconds(12);
    assert.deepEqual(world.log, ['connecting', 'socket', 'disconnected 1006']);
    world.network_returns();
    world.stream.open();
    world.seconds(60);
    assert.equal(world.streams.length, 1);
    assert.equal(world.clock.pending, 0);
});

test('auto is a websocket where there are no event streams, as in Node', () => {
    const world = new World({without: ['EventSource']});
    world.client({transport: 'auto'});
    world.socket.end();
    world.network_returns();
    assert.equal(world.sockets.length, 2);
});

test('a stream that ends is made again by the client, and not by EventSource', () => {
    const world = new World();
    const client = world.stream_client();
    const [first] = world.streams;
    first.end();
    assert.ok(first.is_closed);
    assert.equal(client.get_state(), CLOSED);
    world.network_returns();
    world.stream.open();
    assert.deepEqual(world.log.slice(3), ['disconnected 1006', 'connecting', 'stream', 'connected']);
});

test('the code of the last event is that of disconnected', () => {
    const world = new World();
    world.stream_client();
    world.stream.tell({close: 4401});
    assert.equal(world.log.at(-1), 'disconnected 4401');
});

test('close ends the stream for good', async () => {
    const world = new World();
    const client = world.stream_client();
    client.close();
    assert.ok(world.stream.is_closed);
    assert.ok(client.is_closing());
    await world.settle();
    assert.deepEqual(world.log.slice(3), ['disconnected 1005']);
    assert.equal(world.clock.pending, 0);
});

test('a stream whose heartbeats stay away is given up', async () => {
    const world = new World();
    world.stream_client({heartbeat_msg: '--heartbeat--'});
    assert.equal(world.stream.url, 'http://site/ws/news?subscribe-broadcast&heartbeat=event');
    for (let beat = 0; beat < 10; beat++) {
        world.seconds(5);
        world.stream.tell({heartbeat: true});
    }
    assert.deepEqual([world.log.length, world.posts.length], [3, 0]);
    world.seconds(20);
    await world.settle();
    assert.equal(world.log.at(-1), 'disconnected 1005');
});

test('with resume, a client comes back with the positions of all keys and is told whether it has all', () => {
    const world = new World();
    const client = resuming_client(world, {transport: 'sse'});
    world.stream.open({dropped: {'subscribe-user': 'nobody is signed in'}}, `${position(1)},${position(1, USER)}`);
    world.stream.receive('one', `${position(2)},${position(1, USER)}`);
    world.stream.receive('not kept');
    world.stream.receive('two', `${position(2)},${position(3, USER)}`);
    assert.equal(client.get_position(), `${position(3, USER)},${position(2)}`);
    world.stream.end();
    world.network_returns();
    assert.ok(world.stream.url.endsWith(`&resume=${position(3, USER)},${position(2)}`));
    world.stream.open({recovered: true}, `${position(2)},${position(3, USER)}`);
    world.stream.receive('three', `${position(4)},${position(3, USER)}`);
    world.stream.tell({gap: true}, `${position(8)},${position(3, USER)}`);
    assert.deepEqual(world.log.filter(each => !/connect|stream/.test(each)), [
        'dropped {"subscribe-user":"nobody is signed in"}', 'one', 'not kept', 'two',
        'recovered true', 'three', 'recovered false',
    ]);
    assert.equal(client.get_position(), `${position(8)},${position(3, USER)}`);
});

test('who is here is told as over a websocket', () => {
    const world = new World();
    const presence = {now: users => world.log.push(users.join()), joined: users => world.log.push(`+${users}`)};
    world.stream_client({resume: true, presence});
    assert.match(world.stream.url, /&presence&resume$/);
    world.stream.tell({presence: {audience: 'broadcast', now: ['john'], anonymous: 0}});
    world.stream.tell({presence: {audience: 'broadcast', joined: ['mary'], left: [], anonymous: 0}});
    assert.deepEqual(world.log.slice(3), ['john', '+mary', 'john,mary']);
});

for (const resume of [false, true]) {
    test(`binary messages come as the client wants them, ${resume ? 'with' : 'without'} resume`, async () => {
        const world = new World();
        const received = [];
        world.stream_client({resume, receive_message: message => received.push(message)});
        world.stream.dispatch('binary', btoa('\xff\x00'), position(1));
        world.stream_client({resume, binaryType: 'arraybuffer', receive_message: message => received.push(message)});
        world.stream.dispatch('binary', btoa('\xff\x00'), position(1));
        assert.ok(received[0] instanceof Blob);
        const buffers = [await received[0].arrayBuffer(), received[1]];
        assert.deepEqual(buffers.map(buffer => [...new Uint8Array(buffer)]), [[255, 0], [255, 0]]);
    });
}

test('messages are posted one after the other, with cookies and the CSRF token', async () => {
    const world = new World();
    world.document.cookie = 'a=b; csrftoken=secret; csrftoken2=other';
    const client = world.stream_client({uri: `${URI}&echo`, resume: true});
    assert.deepEqual(['one', 'two'].map(client.send_message), [true, true]);
    await world.settle();
    assert.equal(world.posts.length, 1);
    world.posts[0].answer(204);
    await world.settle();
    const fields = world.posts.map(({url, method, body, credentials}) => [url, method, body, credentials]);
    assert.deepEqual(fields, ['one', 'two'].map(body => [`${PATH}&echo`, 'POST', body, 'include']));
    const headers = {'Content-Type': 'text/plain;charset=UTF-8', 'X-CSRFToken': 'secret'};
    assert.deepEqual({...world.posts[0].headers}, headers);
});

test('bytes are posted as bytes, and the cookie may have another name', async () => {
    const world = new World();
    world.document.cookie = 'token=secret';
    const body = new Uint8Array([255]);
    world.stream_client({csrf_cookie: 'token'}).send_message(body);
    await world.settle();
    assert.deepEqual({...world.posts[0].headers}, {'Content-Type': 'application/octet-stream', 'X-CSRFToken': 'secret'});
    assert.equal(world.posts[0].body, body);
});

test('without a cookie there is no header, as in a worker', async () => {
    const world = new World({without: ['document']});
    world.stream_client().send_message('hello');
    await world.settle();
    assert.deepEqual(Object.keys(world.posts[0].headers), ['Content-Type']);
});

test('messages of before the connection are posted when it opens', async () => {
    const world = new World();
    const client = world.client({transport: 'sse'});
    client.send_message('early');
    await world.settle();
    assert.equal(world.posts.length, 0);
    world.stream.open();
    await world.settle();
    assert.equal(world.posts[0].body, 'early');
});

test('each message asks for the address anew, for its ticket', async () => {
    const world = new World();
    let ticket = 0;
    const client = world.client({transport: 'sse', uri: async () => `ws://site/ws/news?ticket=${++ticket}`});
    await world.settle();
    world.stream.open();
    client.send_message('hello');
    await world.settle();
    assert.deepEqual([world.stream, world.posts[0]].map(each => each.url.at(-1)), ['1', '2']);
});

test('a message for which there is no address is posted nowhere', async () => {
    const world = new World();
    const addresses = ['ws://site/ws/news'];
    const client = world.client({transport: 'sse', uri: () => addresses.pop()});
    await world.settle();
    world.stream.open();
    client.send_message('hello');
    await world.settle();
    assert.equal(world.posts.length, 0);
    assert_reports_post(world, 'Error: The function uri has to return an address; it returned undefined.');
    assert.equal(world.log.at(-1), 'disconnected 1006');
});

test('too many messages that wait for an answer are refused', () => {
    const world = new World();
    const client = world.stream_client();
    const results = Array.from({length: 101}, (_, number) => client.send_message(`${number}`));
    assert.deepEqual([results.indexOf(false), results.length], [100, 101]);
});

for (const [status, code] of [[413, 1009], [429, 1008], [503, 1013], [500, 1006]]) {
    test(`after status ${status} the connection ends with ${code}, as a websocket would`, async () => {
        const world = new World();
        const client = world.stream_client();
        client.send_message('hello');
        client.send_message('lost with the connection');
        await world.settle();
        world.posts[0].answer(status);
        await world.settle();
        assert.equal(world.log.at(-1), `disconnected ${code}`);
        assert_reports_post(world, `the server answered ${status}.`);
        world.network_returns();
        world.stream.open();
        await world.settle();
        assert.equal(world.posts.length, 1);
    });
}

test('a network that fails while posting ends the connection with 1006', async () => {
    const world = new World();
    world.stream_client().send_message('hello');
    await world.settle();
    world.posts[0].fail();
    await world.settle();
    assert.equal(world.log.at(-1), 'disconnected 1006');
    assert_reports_post(world, 'TypeError: Failed to fetch');
});

test('a message that is refused is reported, and the stream goes on', async () => {
    const world = new World();
    const client = world.stream_client();
    client.send_message('hello');
    await world.settle();
    world.posts[0].answer(403, 'Nothing may be published here.\n');
    await world.settle();
    assert.ok(client.is_connected());
    assert_reports_post(world, 'the server answered 403. Nothing may be published here.');
});

test('a post is given up when its stream ends, and quietly', async () => {
    const world = new World();
    world.stream_client().send_message('hello');
    await world.settle();
    world.stream.end();
    await world.settle();
    assert.ok(world.posts[0].signal.aborted);
    assert.deepEqual(world.console_errors, []);
});

test('what was sent before close is still posted', async () => {
    const world = new World();
    const client = world.stream_client();
    client.send_message('one');
    client.send_message('two');
    client.close();
    await world.settle();
    world.posts[0].answer(204);
    await world.settle();
    assert.deepEqual(world.posts.map(each => each.body), ['one', 'two']);
});

test('own messages are left out, as often as the server says that they come back', async () => {
    const world = new World();
    const client = resuming_client(world, {transport: 'sse'});
    world.stream.open({copies: 2});
    client.send_message('a\r\nb\rc');
    await world.settle();
    world.stream.receive('a\nb\nc', position(1));
    world.stream.receive('a\nb\nc', `${position(1)},${position(1, USER)}`);
    world.stream.receive('a\nb\nc', `${position(2)},${position(1, USER)}`);
    assert.deepEqual(world.log.slice(3), ['a\nb\nc']);
    assert.equal(client.get_position(), `${position(2)},${position(1, USER)}`);
});

test('with echo, own messages come back', async () => {
    const world = new World();
    world.stream_client({uri: `${URI}&echo`}, {copies: 1}).send_message('hello');
    await world.settle();
    world.stream.receive('hello');
    assert.equal(world.log.at(-1), 'hello');
});

test('a message that was not published, or not within half a minute, is nobody\'s own', async () => {
    const world = new World();
    const client = world.stream_client({}, {copies: 1});
    client.send_message('refused');
    await world.settle();
    world.posts[0].answer(403);
    await world.settle();
    world.stream.receive('refused');
    client.send_message('late');
    await world.settle();
    world.seconds(31);
    world.stream.receive('late');
    assert.deepEqual(world.log.slice(3), ['refused', 'late']);
});
