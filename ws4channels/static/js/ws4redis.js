/**
 * Browser client of ws4channels: one websocket that stays connected.
 *
 *     const client = new WS4Redis({
 *         uri: 'wss://example.com/ws/news?subscribe-broadcast',
 *         receive_message: text => console.log(text),
 *     });
 *
 * Defines the global `WS4Redis`; `ws4redis.mjs` exports the same for modules, `ws4redis.d.ts` holds its types.
 * Needs no library, and no permission from a Content-Security-Policy beyond being loaded and allowed to connect.
 */
(function () {
    'use strict';

    const CONNECTING = 0, OPEN = 1, CLOSING = 2, CLOSED = 3;  // WebSocket.readyState
    const HEARTBEAT_INTERVAL = 5000;  // milliseconds, as all delays here
    const MISSED_HEARTBEATS_ALLOWED = 3;
    const CLOSE_PATIENCE = 2000;  // how long a dying socket may take for its close handshake
    const LONGEST_DELAY = 30000;  // between two attempts to connect
    const STABLE_AFTER = 5000;  // a connection that ends sooner counts as one more failed attempt
    const QUEUE_SIZE = 100;  // messages

    /** Can be called with or without `new`. A second argument (jQuery, in the original) is ignored. */
    function WS4Redis(options) {
        if (!new.target) {
            return new WS4Redis(options);
        }
        const settings = Object.assign({}, options);  // a later change of the caller's object has no effect
        if (!settings.uri) {
            throw new Error(
                'WS4Redis needs the option "uri", the address of a websocket ' +
                `such as "wss://example.com/ws/news?subscribe-broadcast"; it is ${JSON.stringify(settings.uri)}.`
            );
        }
        const heartbeat = settings.heartbeat_msg;
        const queue_size = settings.queue_size === undefined ? QUEUE_SIZE : settings.queue_size;
        const queue = [];

        let socket = null;  // null while there is none: before, between and after connections
        let timer;  // the only one: the next heartbeat, the end of patience or the next attempt to connect
        let attempts = 0;  // to connect again since the last stable connection
        let opened_at = Infinity;
        let missed_heartbeats = 0;
        let is_over = false;  // close() was called

        function schedule(action, delay) {
            clearTimeout(timer);
            timer = setTimeout(action, delay);
        }

        /** A mistake in the page's code is reported, and does not stop the client. */
        function call_back(name, ...values) {
            if (typeof settings[name] !== 'function') {
                return;
            }
            try {
                settings[name](...values);
            } catch (error) {
                report(error);
            }
        }

        // One connection: open, heartbeats, closed

        function connect() {
            call_back('connecting');
            if (is_over) {
                return;  // that callback closed the client
            }
            socket = new WebSocket(settings.uri);
            socket.onopen = on_open;
            socket.onmessage = on_message;
            socket.onclose = on_close;
            socket.onerror = () => {};  // `close` follows; in some libraries for Node an unheard error ends the process
        }

        function on_open() {
            opened_at = Date.now();
            missed_heartbeats = 0;
            if (heartbeat) {
                schedule(send_heartbeat, HEARTBEAT_INTERVAL);
            }
            while (queue.length > 0 && is_connected()) {
                socket.send(queue.shift());
            }
            call_back('connected');
        }

        function on_message(event) {
            if (event.data === heartbeat) {
                missed_heartbeats = 0;
            } else {
                call_back('receive_message', event.data);
            }
        }

        function send_heartbeat() {
            missed_heartbeats += 1;
            if (!is_connected()) {
                hang_up();  // the server began to close, and did not finish
            } else if (missed_heartbeats > MISSED_HEARTBEATS_ALLOWED) {
                console.warn(`WS4Redis: no answer to ${MISSED_HEARTBEATS_ALLOWED} heartbeats, connecting again.`);
                hang_up();
            } else {
                socket.send(heartbeat);
                schedule(send_heartbeat, HEARTBEAT_INTERVAL);
            }
        }

        /** Where the network is gone no close handshake completes: after a while the socket is left to itself. */
        function hang_up() {
            schedule(abandon, CLOSE_PATIENCE);
            socket.close();
        }

        function abandon() {
            on_close(close_event(1006, 'The close handshake did not complete.'));
        }

        function on_close(event) {
            socket.onopen = socket.onmessage = socket.onclose = null;  // an abandoned socket may yet speak
            socket = null;
            call_back('disconnected', event);
            if (!is_over) {
                wait();
            }
        }

        // Between two connections

        /** Full jitter: when a server restarts, its clients come back spread over time and not as one crowd. */
        function wait() {
            // A server that accepts a client and closes it at once, because it may not or cannot serve it, is left alone
            // for longer and longer, too.
            attempts = Date.now() - opened_at >= STABLE_AFTER ? 1 : attempts + 1;
            opened_at = Infinity;
            schedule(reconnect, Math.random() * Math.min(LONGEST_DELAY, (2 ** attempts - 1) * 1000));
            each_wake_up_call('addEventListener');
        }

        function stop_waiting() {
            clearTimeout(timer);
            each_wake_up_call('removeEventListener');
        }

        function reconnect() {
            stop_waiting();
            try {
                connect();
            } catch (error) {
                report(error);
                wait();
            }
        }

        /** Neither a window nor a document exists in Node, and no document in a worker. */
        function each_wake_up_call(add_or_remove) {
            if (typeof globalThis[add_or_remove] === 'function') {
                globalThis[add_or_remove]('online', reconnect);
            }
            if (typeof document !== 'undefined') {
                document[add_or_remove]('visibilitychange', reconnect_if_visible);
            }
        }

        function reconnect_if_visible() {
            if (document.visibilityState === 'visible') {
                reconnect();
            }
        }

        // What the page may ask for

        /** True: sent, or waiting for a connection. False: refused, as the queue is full or the message empty. */
        function send_message(message) {
            if (is_over) {
                throw invalid_state('WS4Redis is closed: close() was called, and nothing can be sent after it.');
            }
            const payload = as_payload(message);
            if (is_empty(payload)) {
                return false;  // the server ignores it
            }
            if (is_connected()) {
                socket.send(payload);
                return true;
            }
            if (queue.length >= queue_size) {
                return false;
            }
            queue.push(payload);
            return true;
        }

        /** Ends the client: no timer and no listener stays, the queue is dropped, no connection follows. */
        function close() {
            is_over = true;
            queue.length = 0;
            stop_waiting();
            if (socket) {
                socket.onopen = null;  // that event may be under way
                socket.close();
            }
        }

        function get_state() {
            return socket ? socket.readyState : CLOSED;
        }

        function is_connected() {
            return get_state() === OPEN;
        }

        // Own properties and not methods of a prototype: sites hand them on, as in `onclick = client.close`
        this.send_message = send_message;
        this.close = close;
        this.get_state = get_state;
        this.is_connecting = () => get_state() === CONNECTING;
        this.is_connected = is_connected;
        this.is_closing = () => get_state() === CLOSING;
        this.is_closed = () => get_state() === CLOSED;

        connect();
    }

    /** Binary data as it is, all else as the text that a WebSocket would make of it. */
    function as_payload(message) {
        const is_blob = typeof Blob === 'function' && message instanceof Blob;
        return is_blob || Object(message).byteLength !== undefined ? message : String(message);
    }

    function is_empty(payload) {
        return payload === '' || payload.byteLength === 0 || payload.size === 0;
    }

    function invalid_state(text) {
        return Object.assign(new Error(text), {name: 'InvalidStateError'});
    }

    function close_event(code, reason) {
        const details = {code, reason, wasClean: false};
        const is_browser = typeof CloseEvent === 'function';
        return is_browser ? new CloseEvent('close', details) : Object.assign({type: 'close'}, details);
    }

    function report(error) {
        if (typeof reportError === 'function') {
            reportError(error);
        } else {
            queueMicrotask(() => {
                throw error;
            });
        }
    }

    globalThis.WS4Redis = WS4Redis;
})();
