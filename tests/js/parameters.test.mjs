/** The options that become parameters of the address: `resume`, `history`, `binary`; wrong values. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { control, position, resuming_client } from './positions.mjs';
import { World } from './world.mjs';

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
