/** The two ways to load the client, as a classic script and as a module, and its types. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';
import { FakeWebSocket, MODULE, SCRIPT, World } from './world.mjs';

test('the classic script adds one global and nothing else', () => {
    const without_script = Object.keys(vm.createContext({}));
    const {page} = new World({without: ['document']});
    const given = [
        'WebSocket', 'setTimeout', 'clearTimeout', 'addEventListener', 'removeEventListener', 'console', 'reportError',
        'CloseEvent', 'Blob', 'Date', 'EventSource', 'fetch', 'AbortController', 'atob',
    ];
    assert.deepEqual(Object.keys(page).sort(), [...without_script, ...given, 'WS4Redis'].sort());
});

test('the classic script needs no module system', () => {
    const {page} = new World();
    assert.equal(vm.runInContext('typeof module + typeof exports + typeof require', page), 'undefined'.repeat(3));
    assert.equal(vm.runInContext('typeof WS4Redis', page), 'function');
});

test('the client works where the policy of the page forbids eval', () => {
    const world = new World();
    assert.throws(() => vm.runInContext('eval("1")', world.page), {name: 'EvalError'});
    const client = world.open_client({heartbeat_msg: '--heartbeat--'});
    world.seconds(20);
    client.close();
    assert.equal(world.warnings.length, 1);
});

test('the module exports the global client by name and as default', async () => {
    const module = await import(MODULE);
    assert.deepEqual(Object.keys(module).sort(), ['WS4Redis', 'default']);
    assert.equal(module.WS4Redis, module.default);
    assert.equal(module.WS4Redis, globalThis.WS4Redis);
});

test('the client of the module connects with the WebSocket of its surroundings', async t => {
    const {WS4Redis} = await import(MODULE);
    const original = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
    t.after(() => original ? Object.defineProperty(globalThis, 'WebSocket', original) : delete globalThis.WebSocket);
    const sockets = [];
    globalThis.WebSocket = class extends FakeWebSocket {
        constructor(url) {
            super(url);
            sockets.push(this);
        }
    };
    const client = WS4Redis({uri: 'ws://site/ws/news'});
    sockets[0].open();
    client.send_message('hello');
    client.close();
    assert.deepEqual(sockets.map(socket => [socket.url, socket.sent]), [['ws://site/ws/news', ['hello']]]);
});

test('types and documentation name exactly the options that the client reads', () => {
    const read = (path, pattern, section = /[^]*/) => {
        const [text] = readFileSync(new URL(path, SCRIPT), 'utf-8').match(section);
        return [...new Set([...text.matchAll(pattern)].map(match => match[1]))].sort();
    };
    const options = read('ws4redis.js', /(?:settings\.|call_back\(')(\w+)/g);
    assert.deepEqual(read('ws4redis.d.ts', /^    (\w+)\??: /gm, /interface WS4RedisOptions [^]*?^}/m), options);
    assert.deepEqual(read('../../../docs/browser-client.md', /^- `(\w+)/gm, /## Options[^]*?^## /m), options);
});
