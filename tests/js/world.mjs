/**
 * A small browser for the client: the test moves its clock, and opens and closes its sockets.
 *
 * The client is loaded as a classic script into a context of its own, which has only what a page gives it here,
 * and which forbids `eval` as a strict Content-Security-Policy does.
 */
import { readFileSync } from 'node:fs';
import vm from 'node:vm';

export const SCRIPT = new URL('../../ws4channels/static/js/ws4redis.js', import.meta.url);
export const MODULE = new URL('../../ws4channels/static/js/ws4redis.mjs', import.meta.url);
export const CONNECTING = 0, OPEN = 1, CLOSING = 2, CLOSED = 3;
const SOURCE = readFileSync(SCRIPT, 'utf-8');

/** setTimeout and clearTimeout over a time that passes only in `advance`. Node 18 has no such mock of its own. */
export class Clock {
    #timers = new Map();
    #last_id = 0;
    now = 0;

    setTimeout = (action, delay = 0) => {
        this.#timers.set(++this.#last_id, {action, due: this.now + delay});
        return this.#last_id;
    };

    clearTimeout = id => this.#timers.delete(id);

    get pending() {
        return this.#timers.size;
    }

    advance(milliseconds) {
        const end = this.now + milliseconds;
        for (let next = this.#next(); next && next.due <= end; next = this.#next()) {
            this.now = next.due;
            this.#timers.delete(next.id);
            next.action();
        }
        this.now = end;
    }

    #next() {
        const timers = [...this.#timers].map(([id, timer]) => ({id, ...timer}));
        return timers.sort((a, b) => a.due - b.due || a.id - b.id)[0];
    }
}

/** Does by itself only what the standard does at once; the test does what the network would. */
export class FakeWebSocket {
    readyState = CONNECTING;
    sent = [];
    sent_too_late = [];

    constructor(url, protocols) {
        this.url = url;
        this.protocols = protocols;
    }

    send(data) {
        if (this.readyState === CONNECTING) {
            throw new Error('InvalidStateError: still connecting');
        }
        (this.readyState === OPEN ? this.sent : this.sent_too_late).push(data);
    }

    close() {
        if (this.readyState < CLOSING) {
            this.readyState = CLOSING;
        }
    }

    /** The server accepts the connection. */
    open() {
        this.readyState = OPEN;
        this.onopen?.({type: 'open'});
    }

    receive(data) {
        this.onmessage?.({type: 'message', data});
    }

    /** The connection ends, or could not be made. As in libraries for Node, an error without a listener is fatal. */
    end(event = {}) {
        this.readyState = CLOSED;
        this.onerror({type: 'error'});
        this.onclose?.({type: 'close', code: 1006, reason: '', wasClean: false, ...event});
    }

    /** As in Node 22: where the handshake fails there is no `close`, and the state stays what it was. */
    fail() {
        this.onerror({type: 'error'});
    }
}

/** As FakeWebSocket: the test opens and ends it. `url` is what the client asked for. */
export class FakeEventSource {
    #listeners = new Map();
    is_closed = false;
    lastEventId = '';

    constructor(url, options) {
        this.url = url;
        this.options = options;
    }

    addEventListener(type, listener) {
        this.#listeners.set(type, listener);
    }

    close() {
        this.is_closed = true;
    }

    /** The server sends an event; ids stay until another one comes, as in browsers. */
    dispatch(type, data, id) {
        this.lastEventId = id ?? this.lastEventId;
        const listener = type === 'message' ? this.onmessage : this.#listeners.get(type);
        this.is_closed || listener?.({type, data, lastEventId: this.lastEventId});
    }

    receive(data, id) {
        this.dispatch('message', data, id);
    }

    tell(members, id) {
        this.dispatch('ws4channels', JSON.stringify(members), id);
    }

    /** The first event. */
    open(members = {}, id = '') {
        this.tell({recovered: null, dropped: {}, ...members}, id);
    }

    /** The stream ends, or is refused. */
    end() {
        this.is_closed || this.onerror?.({type: 'error'});
    }
}

/** Counts each listener once, however often it is added or removed, as a real event target does. */
class Listeners {
    #target = new EventTarget();
    #known = new Set();

    addEventListener = (type, listener) => {
        this.#known.add(listener);
        this.#target.addEventListener(type, listener);
    };

    removeEventListener = (type, listener) => {
        this.#known.delete(listener);
        this.#target.removeEventListener(type, listener);
    };

    dispatch(type) {
        this.#target.dispatchEvent(new Event(type));
    }

    get count() {
        return this.#known.size;
    }
}

/**
 * A page with the client loaded.
 *
 * `log` lists the callbacks and other events in their order; `sockets` holds all sockets that were made.
 * `random` is what the page's Math.random gives. Names in `without` are missing, as in Node or a worker.
 */
export class World {
    clock = new Clock();
    sockets = [];
    streams = [];
    posts = [];  // each with the functions `answer` and `fail`
    log = [];
    warnings = [];
    console_errors = [];
    errors = [];
    random = 0.5;
    window = new Listeners();
    document = Object.assign(new Listeners(), {visibilityState: 'visible'});
    refuses_sockets = false;

    constructor({without = []} = {}) {
        const world = this;
        const page = {
            WebSocket: class extends FakeWebSocket {
                constructor(url, protocols) {
                    super(url, protocols);
                    if (world.refuses_sockets) {
                        throw new SyntaxError(`The URL '${url}' is invalid.`);
                    }
                    world.sockets.push(this);
                    world.log.push('socket');
                }

                send(data) {
                    super.send(data);
                    world.log.push(`sent ${data}`);
                }
            },
            EventSource: class extends FakeEventSource {
                constructor(url, options) {
                    super(url, options);
                    world.streams.push(this);
                    world.log.push('stream');
                }
            },
            fetch: (url, options) => new Promise((resolve, reject) => {
                const answer = (status, text = '') => resolve({
                    status, ok: status < 300, text: () => Promise.resolve(text),
                });
                this.posts.push({url, ...options, answer, fail: () => reject(new TypeError('Failed to fetch'))});
                options.signal.addEventListener('abort', () => reject(new Error('aborted')));
            }),
            AbortController,
            atob,
            Date: {now: () => this.clock.now},
            setTimeout: this.clock.setTimeout,
            clearTimeout: this.clock.clearTimeout,
            addEventListener: this.window.addEventListener,
            removeEventListener: this.window.removeEventListener,
            document: this.document,
            console: {  // the client calls no other methods
                warn: text => this.warnings.push(text),
                error: (text, error) => this.console_errors.push([text, error]),
            },
            reportError: error => this.errors.push(error),
            CloseEvent: class { constructor(type, details) { Object.assign(this, {type}, details); } },
            Blob,
        };
        for (const name of without) {
            delete page[name];
        }
        this.page = vm.createContext(page, {codeGeneration: {strings: false, wasm: false}});
        vm.runInContext('Math', this.page).random = () => this.random;
        vm.runInContext(SOURCE, this.page, {filename: SCRIPT.pathname});
        this.WS4Redis = page.WS4Redis;
    }

    /** A client whose callbacks write to `log`. */
    client(options = {}) {
        const {log} = this;
        return new this.WS4Redis({
            uri: 'ws://site/ws/news?subscribe-broadcast',
            connecting: () => log.push('connecting'),
            connected: () => log.push('connected'),
            receive_message: message => log.push(message),
            disconnected: event => log.push(`disconnected ${event.code}`),
            ...options,
        });
    }

    /** A client whose first connection is open. */
    open_client(options = {}) {
        const client = this.client(options);
        this.socket.open();
        return client;
    }

    /** A client whose event stream is open. */
    stream_client(options = {}, members = {}, id = '') {
        const client = this.client({transport: 'sse', ...options});
        this.stream.open(members, id);
        return client;
    }

    /** The newest event stream. */
    get stream() {
        return this.streams[this.streams.length - 1];
    }

    /** The newest socket. */
    get socket() {
        return this.sockets[this.sockets.length - 1];
    }

    seconds(number) {
        this.clock.advance(number * 1000);
    }

    /** Lets promises that are settled run their callbacks, and those that follow from them. */
    async settle() {
        await new Promise(resolve => setImmediate(resolve));
    }

    show_page(visibilityState = 'visible') {
        this.document.visibilityState = visibilityState;
        this.document.dispatch('visibilitychange');
    }

    network_returns() {
        this.window.dispatch('online');
    }
}
