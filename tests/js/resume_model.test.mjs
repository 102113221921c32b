/** With `resume`, against a model of the server: whatever gets lost on the way, each message is received once, in order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NEWS, USER, control, frame, position } from './positions.mjs';
import { World } from './world.mjs';

const KEYS = [NEWS, USER];

/** Random numbers that are the same for the same seed (mulberry32). */
function randomness(seed) {
    const next = () => {
        seed = (seed + 0x6D2B79F5) | 0;
        let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
    return {below: limit => Math.floor(next() * limit), is: probability => next() < probability};
}

/** Logs what is published, and sends it over one connection, on which frames are under way until they are delivered. */
class Server {
    logs = new Map(KEYS.map(key => [key, []]));  // numbers of the messages that are still logged
    newest = new Map(KEYS.map(key => [key, 0]));
    under_way = [];
    socket = null;

    publish(key) {
        const number = this.newest.get(key) + 1;
        this.newest.set(key, number);
        this.logs.get(key).push(number);
        this.send(key, number);
    }

    send(key, number) {
        this.under_way.push(frame(number, `${key} ${number}`, key));
    }

    forget(key) {
        this.logs.set(key, []);
    }

    connect(socket) {
        this.socket = socket;
        this.under_way = [];
        const asked = new Map(socket.url.split('resume=')[1]?.split(',').map(each => each.split('.')));
        const numbers = KEYS.map(key => asked.has(key) ? Number(asked.get(key)) : this.newest.get(key));
        const is_complete = KEYS.every((key, index) => numbers[index] === this.newest.get(key)
            || this.logs.get(key).includes(numbers[index] + 1));
        const from = is_complete ? numbers : KEYS.map(key => Math.max(0, this.newest.get(key) - 1));
        const positions = KEYS.map((key, index) => position(from[index], key));
        this.under_way.push(control({recovered: asked.size ? is_complete : null, positions}));
        KEYS.forEach((key, index) => {
            for (let number = from[index] + 1; number <= this.newest.get(key); number++) {
                this.send(key, number);
            }
        });
        socket.open();
    }

    deliver(count) {
        this.under_way.splice(0, count).forEach(each => this.socket.receive(each));
    }
}

/** Asserts that what a client received of a key has neither hole nor repetition, other than after `recovered false`. */
function assert_complete(log, server) {
    const expected = new Map();
    for (const entry of log) {
        if (entry === 'recovered false') {
            expected.clear();
        } else if (/^k\S+ \d+$/.test(entry)) {
            const [key, number] = entry.split(' ');
            assert.equal(Number(number), expected.get(key) ?? Number(number), entry);
            expected.set(key, Number(number) + 1);
        }
    }
    for (const [key, next] of expected) {
        assert.equal(next, server.newest.get(key) + 1, `the newest of ${key}`);
    }
}

/** Publishes, delivers, cuts and, unless it `keeps` all, forgets at random; returns what the client received. */
function run(seed, keeps) {
    const {below, is} = randomness(seed);
    const world = new World();
    const server = new Server();
    world.client({resume: true, recovered: ok => world.log.push(`recovered ${ok}`)});
    server.connect(world.socket);
    server.deliver(1);
    for (let step = 0; step < 200; step++) {
        if (is(0.6)) {
            server.publish(KEYS[below(2)]);
        } else if (is(0.7)) {
            server.deliver(below(6));
        } else if (!keeps && is(0.3)) {
            server.forget(KEYS[below(2)]);
        } else {
            world.socket.end();  // with what was under way
            if (is(0.5)) server.publish(KEYS[below(2)]);
            world.network_returns();
            server.connect(world.socket);
        }
    }
    server.deliver(Infinity);
    assert_complete(world.log, server);
    return world.log;
}

test('with a log of all messages, a client that is cut off at random receives each once and in order', () => {
    for (let seed = 0; seed < 100; seed++) {
        const log = run(seed, true);
        assert.ok(!log.includes('recovered false') && log.includes('recovered true'), `seed ${seed}`);
    }
});

test('with a log that is lost at random, a client receives each message once and in order, or is told', () => {
    const logs = Array.from({length: 100}, (_, seed) => run(seed, false));
    assert.ok(logs.some(log => log.includes('recovered false')));
});
