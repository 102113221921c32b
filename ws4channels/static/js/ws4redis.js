/**
 * Browser client of ws4channels: one websocket, or event stream, that stays connected.
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
    const CLOSE_TIMEOUT = 2000;  // for a close handshake
    const ADDRESS_TIMEOUT = 30000;  // for the functions `uri` and `protocols`
    const LONGEST_DELAY = 30000;  // between two attempts to connect
    const STABLE_AFTER = 5000;  // a connection that ends sooner counts as one more failed attempt
    const QUEUE_SIZE = 100;  // messages
    const OPEN_TIMEOUT = 10000;  // for a transport of which it is not known whether proxies let it through
    const OWN_EXPIRY = 30000;  // a posted message that has not come back by then was lost
    const CODES = {413: 1009, 429: 1008, 503: 1013};  // close codes of websockets, by status of the answer to a POST
    const REFUSALS = [400, 401, 403];
    const BINARY_TYPES = ['blob', 'arraybuffer'];
    const TRANSPORTS = ['websocket', 'sse', 'auto'];
    const LONGEST_ADDRESS = 4000;  // characters, with positions; servers and proxies refuse long URLs
    const ESCAPED = '%E2%82%AC';  // as long as what a URL has in place of one character, at most
    const POSITION = /^([\w-]+)\.(\d{16})$/;  // numbers of one length, which compare as text
    const HEAD = /^(?:([\w-]+)\.(\d{16}))?\n/;  // before a payload; a message may have no number
    const LONGEST_HEAD = 64;  // bytes

    /** Can be called with or without `new`. A second argument (jQuery, in the original) is ignored. */
    function WS4Redis(options) {
        if (!new.target) {
            return new WS4Redis(options);
        }
        const settings = Object.assign({}, options);  // a later change of the caller's object has no effect
        check(settings);
        const heartbeat = settings.heartbeat_msg;
        const queue_size = settings.queue_size === undefined ? QUEUE_SIZE : settings.queue_size;
        const queue = [];
        const positions = positions_in(settings.position || '');  // of the newest message of each key
        const present = new Map();  // users, by channel
        const may_fall_back = settings.transport === 'auto' && typeof EventSource === 'function';

        let socket = null;  // null while there is none: before, between and after connections
        let is_stream = settings.transport === 'sse';
        let has_opened = false;  // once, with the present transport: it stays
        let timer;  // the only one: the next heartbeat, a time limit or the next attempt to connect
        let pending = null;  // the attempt whose functions `uri` and `protocols` have not answered yet
        let attempts = 0;  // to connect again since the last stable connection
        let opened_at = Infinity;
        let missed_heartbeats = 0;
        let is_over = false;  // close() was called
        let is_numbered = null;  // with `resume`: this connection's frames have positions; null: not known yet
        let is_unsure = false;  // not all positions are known to the server: what was missed can't be known

        function schedule(action, delay) {
            clearTimeout(timer);
            timer = setTimeout(action, delay);
        }

        /** A mistake in the page's code is reported, and does not stop the client. */
        function call_back(name, ...values) {
            call_back_of(settings, name, ...values);
        }

        function call_back_of(owner, name, ...values) {
            if (typeof owner[name] !== 'function') {
                return;
            }
            try {
                owner[name](...values);
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
            if (typeof settings.uri === 'function' || typeof settings.protocols === 'function') {
                ask_and_open();
            } else {
                open(settings.uri, settings.protocols);
            }
        }

        /** Calls the functions for each attempt, since credentials expire. Without an answer the attempt has failed. */
        function ask_and_open() {
            const attempt = pending = {};
            const if_pending = action => value => attempt === pending && action(value);
            const fail = if_pending(error => {
                console.error('WS4Redis: no websocket could be made, trying again.', error);
                fail_attempt(error);
            });
            schedule(() => fail(new Error('No answer within 30 seconds.')), ADDRESS_TIMEOUT);
            Promise.all([answer_of('uri'), answer_of('protocols')]).then(if_pending(([uri, protocols]) => {
                check_address(uri);
                clearTimeout(timer);
                open(uri, protocols);
            })).catch(fail);
        }

        /** Returns a promise: of what the option is or returns, or rejected with what it throws. */
        function answer_of(name) {
            const option = settings[name];
            return new Promise(resolve => resolve(typeof option === 'function' ? option() : option));
        }

        function open(uri, protocols) {
            socket = is_stream ? open_stream(address(uri)) : new WebSocket(address(uri), protocols || []);
            pending = null;
            is_numbered = null;
            if (settings.resume || settings.binaryType) {
                // A position is cut off at once; a Blob would need a promise, and text would overtake it meanwhile.
                socket.binaryType = settings.resume ? 'arraybuffer' : settings.binaryType;
            }
            socket.onopen = on_open;
            socket.onmessage = on_message;
            socket.onclose = on_close;
            socket.onerror = on_error;
            if (may_fall_back && !has_opened) {
                schedule(hang_up, OPEN_TIMEOUT);
            }
        }

        /** Asks for the address with each message: a ticket in it may lapse, or be for one use. */
        async function post(payload, signal) {
            const uri = await answer_of('uri');
            check_address(uri);
            return post_to(uri, payload, signal, settings.csrf_cookie || 'csrftoken');
        }

        function open_stream(uri) {
            const whole = heartbeat ? with_parameter(uri, 'heartbeat', 'heartbeat=event') : uri;
            const most = Math.max(QUEUE_SIZE, queue_size);
            return new StreamSocket(whole, {heartbeat, is_resuming: settings.resume, most, post});
        }

        /** The options that the server has to know are parameters of the URL. */
        function address(uri) {
            let result = settings.history ? with_parameter(uri, 'history', `history=${settings.history}`) : uri;
            if (settings.binary) {
                result = with_parameter(result, 'binary', 'binary');
            }
            if (settings.presence) {
                result = with_parameter(result, 'presence', 'presence');
            }
            return settings.resume ? resuming_address(with_parameter(result, 'resume', 'resume')) : result;
        }

        /** The newest positions, as many as there is room for. */
        function resuming_address(uri) {
            const room = LONGEST_ADDRESS - uri.replace(/[^!-~]/g, ESCAPED).length - 1;
            const all = get_position();
            const list = all.length > room ? all.slice(0, Math.max(0, all.lastIndexOf(',', room))) : all;
            is_unsure = is_unsure || list !== all;
            return list ? with_parameter(uri, 'resume', `resume=${list}`) : uri;
        }

        /** Ends an attempt that has made no socket. */
        function fail_attempt(error) {
            on_end(close_event(1006, `No websocket could be made: ${error}`));
        }

        function on_open() {
            opened_at = Date.now();
            missed_heartbeats = 0;
            has_opened = true;
            clearTimeout(timer);
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
            } else if (settings.resume) {
                read_frame(event.data);
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

        /** Closes the socket, or gives it up after a while: without a network no close handshake completes. */
        function hang_up() {
            schedule(abandon, CLOSE_TIMEOUT);
            socket.close();
        }

        function abandon() {
            on_close(close_event(1006, 'The close handshake did not complete.'));
        }

        /**
         * In browsers `close` follows at once. Node 22 does not fire it where the handshake fails.
         *
         * Whichever of `close` and the timer comes first prevents the other, so one failure makes one attempt to connect.
         */
        function on_error() {
            const has_failed = socket.readyState === CONNECTING;
            schedule(() => on_close(close_event(1006, 'The connection failed.')), has_failed ? 0 : CLOSE_TIMEOUT);
        }

        function on_close(event) {
            socket.onopen = socket.onmessage = socket.onclose = null;  // an abandoned socket may yet send events
            socket.onerror = () => {};  // in some libraries for Node an error without a listener ends the process
            socket = null;
            if (may_fall_back && !has_opened) {
                is_stream = !is_stream;  // where pages load and websockets do not, the stream will open
            }
            on_end(event);
        }

        /** Called once for each attempt. */
        function on_end(event) {
            clearTimeout(timer);
            pending = null;
            call_back('disconnected', event);
            if (!is_over) {
                wait();
            }
        }

        // With the option `resume`: positions. docs/history.md has the protocol

        /** A control frame comes first, unless the server knows no positions, as that of django-websocket-redis. */
        function read_frame(frame) {
            const control = control_in(frame);
            if (is_numbered === null) {
                is_numbered = control !== null;
                if (!is_numbered) {
                    obey({recovered: positions.size > 0 ? false : null});
                    is_unsure = true;
                }
            }
            if (!is_numbered) {
                deliver(frame);
            } else if (control) {
                obey(control);
            } else if (frame[0] !== '!') {
                read_message(frame);
            }
        }

        /** What a later version of the server adds to a control frame is ignored. */
        function obey(control) {
            if ('recovered' in control) {
                const was_asked = control.recovered !== null || is_unsure;
                const is_complete = control.recovered === true && !is_unsure;
                is_unsure = false;
                positions.clear();
                note(control.positions);
                if (was_asked) {
                    call_back('recovered', is_complete);
                }
            } else if (control.gap) {
                note(control.positions);
                call_back('recovered', false);
            }
            if (is_object(settings.presence) && is_object(control.presence)) {
                tell_presence(control.presence);
            }
            if (is_object(control.dropped) && Object.keys(control.dropped).length > 0) {
                call_back('dropped', control.dropped);
            }
        }

        /** The server tells who is here after connecting, and then who joins and leaves; the page gets both. */
        function tell_presence(told) {
            const channel = {audience: told.audience, name: told.name, anonymous: told.anonymous};
            const id = JSON.stringify([told.audience, told.name]);
            const joined = told.joined || [], left = new Set(told.left);
            const others = (present.get(id) || []).filter(user => !left.has(user) && !joined.includes(user));
            const here = told.now || [...others, ...joined].sort();
            present.set(id, here);
            joined.length > 0 && call_back_of(settings.presence, 'joined', joined, channel);
            left.size > 0 && call_back_of(settings.presence, 'left', told.left, channel);
            call_back_of(settings.presence, 'now', [...here], channel);
        }

        function note(list) {
            for (const [key, number] of positions_in(Array.isArray(list) ? list.join() : '')) {
                positions.set(key, number);
            }
        }

        /** A message counts as received before the page gets it, so that the page can store its position. */
        function read_message(frame) {
            const [head, key, number] = HEAD.exec(start_of(frame)) || [''];
            if (key) {
                if (positions.get(key) >= number) {
                    return;  // this client has had it
                }
                positions.set(key, number);
            }
            const payload = frame.slice(head.length);  // of a text or of an ArrayBuffer
            if (!is_empty(payload)) {  // empty: an own message, which is not sent back without `echo`
                deliver(payload);
            }
        }

        function deliver(payload) {
            const is_wanted = typeof payload === 'string' || settings.binaryType === 'arraybuffer';
            call_back('receive_message', is_wanted || typeof Blob !== 'function' ? payload : new Blob([payload]));
        }

        /** Newest first. */
        function get_position() {
            return [...positions].sort(([, a], [, b]) => b - a).map(position => position.join('.')).join();
        }

        // Between two connections

        /** Full jitter: when a server restarts, its clients do not all come back at the same time. */
        function wait() {
            // The delays grow, too, where a server accepts a client and closes it at once, because it refuses it or
            // cannot serve it.
            attempts = Date.now() - opened_at >= STABLE_AFTER ? 1 : attempts + 1;
            opened_at = Infinity;
            const delay = Math.random() * Math.min(LONGEST_DELAY, (2 ** attempts - 1) * 1000);
            schedule(reconnect, delay);
            each_wake_up_event('addEventListener');
            call_back('waiting', delay / 1000);
        }

        function stop_waiting() {
            clearTimeout(timer);
            each_wake_up_event('removeEventListener');
        }

        function reconnect() {
            stop_waiting();
            try {
                connect();
            } catch (error) {
                report(error);
                fail_attempt(error);
            }
        }

        /** Node has neither window nor document, a worker has no document. */
        function each_wake_up_event(add_or_remove) {
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
                return socket.send(payload) !== false;
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
            } else if (pending) {
                pending = null;
                Promise.resolve(close_event(1006, 'close() was called.')).then(on_end);
            }
        }

        function get_state() {
            return socket ? socket.readyState : pending ? CONNECTING : CLOSED;
        }

        function is_connected() {
            return get_state() === OPEN;
        }

        // Own properties and not methods of a prototype: sites pass them on, as in `onclick = client.close`
        this.send_message = send_message;
        this.close = close;
        this.get_state = get_state;
        this.is_connecting = () => get_state() === CONNECTING;
        this.is_connected = is_connected;
        this.is_closing = () => get_state() === CLOSING;
        this.is_closed = () => get_state() === CLOSED;
        this.get_position = get_position;

        connect();
    }

    function check(settings) {
        if (!settings.uri) {
            throw new Error(
                'WS4Redis needs the option "uri", the address of a websocket ' +
                `such as "wss://example.com/ws/news?subscribe-broadcast"; it is ${JSON.stringify(settings.uri)}.`
            );
        }
        if (settings.transport && !TRANSPORTS.includes(settings.transport)) {
            throw new Error(
                'WS4Redis takes "websocket", "sse" or "auto" as the option "transport"; ' +
                `it is ${JSON.stringify(settings.transport)}.`
            );
        }
        if (settings.binaryType && !BINARY_TYPES.includes(settings.binaryType)) {
            throw new Error(
                'WS4Redis takes "blob" or "arraybuffer" as the option "binaryType"; ' +
                `it is ${JSON.stringify(settings.binaryType)}.`
            );
        }
        if (settings.history && !(Number.isInteger(settings.history) && settings.history > 0)) {
            throw new Error(
                'WS4Redis takes a whole number of messages as the option "history", such as 20; ' +
                `it is ${JSON.stringify(settings.history)}.`
            );
        }
        if (settings.presence && !(settings.resume && is_object(settings.presence))) {
            throw new Error(
                'WS4Redis takes an object of functions as the option "presence", such as {now: users => …}, ' +
                `together with "resume: true"; it is ${JSON.stringify(settings.presence)}, ` +
                `and "resume" is ${JSON.stringify(settings.resume)}.`
            );
        }
        if (settings.position && !(settings.resume && typeof settings.position === 'string')) {
            throw new Error(
                'WS4Redis takes a text of get_position() as the option "position", together with "resume: true"; ' +
                `it is ${JSON.stringify(settings.position)}, and "resume" is ${JSON.stringify(settings.resume)}.`
            );
        }
    }

    /**
     * An event stream that looks like a WebSocket: its events become the frames that a websocket is sent, and what is
     * sent goes by POST, one message after the other. docs/sse.md has the protocol.
     *
     * EventSource would connect again by itself. It never does here: that is up to the client, with its own positions.
     */
    function StreamSocket(uri, {heartbeat, is_resuming, most, post}) {
        const socket = this;
        const source = new EventSource(as_http(uri), {withCredentials: true});
        const aborter = new AbortController();
        const outgoing = [];
        const own = new Map();  // posted texts that have not come back: how often they will yet, and since when
        let copies = 0;  // how often a posted message comes back, if this client did not ask for an echo
        let ids = [];

        function give(data) {
            if (socket.readyState === OPEN && socket.onmessage) {
                socket.onmessage({type: 'message', data});
            }
        }

        /** The position that is new in the event's id, which holds those of all keys. */
        function newest_position(event) {
            const before = new Set(ids);
            ids = event.lastEventId.split(',').filter(Boolean);
            return ids.find(id => !before.has(id)) || '';
        }

        function take_text(event) {
            const position = newest_position(event);
            const text = is_own(event.data) ? '' : event.data;
            if (is_resuming) {
                give(`${position}\n${text}`);
            } else if (text) {
                give(text);
            }
        }

        function take_bytes(event) {
            const head = is_resuming ? `${newest_position(event)}\n` : '';
            const bytes = Uint8Array.from(head + atob(event.data), character => character.charCodeAt(0));
            give(socket.binaryType === 'arraybuffer' ? bytes.buffer : new Blob([bytes]));
        }

        function obey(event) {
            const told = JSON.parse(event.data);
            if ('close' in told) {
                end(told.close);
            } else if (told.heartbeat) {
                give(heartbeat);
            } else {
                newest_position(event);
                if ('recovered' in told && socket.readyState === CONNECTING) {
                    copies = /[?&]echo\b/i.test(uri) ? 0 : told.copies || 0;
                    socket.readyState = OPEN;
                    socket.onopen && socket.onopen({type: 'open'});
                }
                is_resuming && give(`!${JSON.stringify(Object.assign(told, {positions: ids}))}`);
            }
        }

        function is_own(text) {
            const entry = own.get(text);
            if (!entry || Date.now() - entry.since > OWN_EXPIRY) {
                return false;
            }
            entry.left -= 1;
            entry.left > 0 || own.delete(text);
            return true;
        }

        /** Events have LF for each line end. Binary messages come back. */
        function expect(payload, times) {
            if (typeof payload === 'string' && times !== 0) {
                const text = payload.replace(/\r\n?/g, '\n');
                const left = (own.has(text) ? own.get(text).left : 0) + times;
                own.delete(text);  // to be the last
                left > 0 && own.set(text, {left, since: Date.now()});
                own.size > 1000 && own.delete(own.keys().next().value);
            }
        }

        async function post_all() {
            while (outgoing.length > 0) {
                expect(outgoing[0], copies);
                const failure = await post(outgoing[0], aborter.signal).catch(error => ({code: 1006, reason: error}));
                if (failure && socket.readyState !== CLOSED) {
                    console.error(`WS4Redis: a message was not published: ${failure.reason}`);
                    expect(outgoing[0], -copies);
                    failure.code && end(failure.code, `A message was not published: ${failure.reason}`);
                }
                outgoing.shift();
            }
        }

        function end(code, reason = '') {
            if (socket.readyState === CLOSED) {
                return;
            }
            if (socket.readyState !== CLOSING) {
                outgoing.length = 0;  // what a websocket had not sent is lost, too
                aborter.abort();
            }
            socket.readyState = CLOSED;
            source.close();
            socket.onclose && socket.onclose(close_event(code, reason));
        }

        source.onmessage = take_text;
        source.onerror = () => end(1006, 'The event stream ended, or was refused.');
        source.addEventListener('binary', take_bytes);
        source.addEventListener('ws4channels', obey);

        this.readyState = CONNECTING;
        this.binaryType = 'blob';

        /** False: too many messages wait for the answer to an earlier one. */
        this.send = payload => {
            if (payload === heartbeat) {
                return true;  // the server needs none
            }
            if (outgoing.length >= most) {
                return false;
            }
            if (outgoing.push(payload) === 1) {
                post_all();
            }
            return true;
        };

        /** What waits is still posted, as a websocket sends what it was given. */
        this.close = () => {
            if (socket.readyState < CLOSING) {
                const code = socket.readyState === OPEN ? 1005 : 1006;
                socket.readyState = CLOSING;
                source.close();
                Promise.resolve().then(() => end(code));
            }
        };
    }

    /** Resolves to what is wrong, with the close code of a websocket if that would be closed; to nothing if all is well. */
    async function post_to(uri, payload, signal, csrf_cookie) {
        const type = typeof payload === 'string' ? 'text/plain;charset=UTF-8' : 'application/octet-stream';
        const token = cookie(csrf_cookie);
        const headers = Object.assign({'Content-Type': type}, token && {'X-CSRFToken': token});
        const request = {method: 'POST', body: payload, credentials: 'include', headers, signal};
        const response = await fetch(as_http(uri), request);
        if (response.ok) {
            return null;
        }
        const reason = `the server answered ${response.status}. ${await response.text()}`.trim();
        return {code: REFUSALS.includes(response.status) ? null : CODES[response.status] || 1006, reason};
    }

    function check_address(uri) {
        if (!uri) {
            throw new Error(`The function uri has to return an address; it returned ${JSON.stringify(uri)}.`);
        }
    }

    function as_http(uri) {
        return String(uri).replace(/^ws/i, 'http');
    }

    /** Empty where there is none, and in workers, which see no cookies. */
    function cookie(name) {
        const all = typeof document === 'undefined' ? '' : document.cookie || '';
        const found = all.split('; ').find(each => each.startsWith(`${name}=`));
        return found ? found.slice(name.length + 1) : '';
    }

    /** The address with this parameter in place of those of the same name; all else in it stays as it is. */
    function with_parameter(uri, name, parameter) {
        const [, path, query, fragment = ''] = /^([^?#]*)\??([^#]*)(#[^]*)?$/.exec(uri);
        const others = query.split('&').filter(each => each && each.split('=')[0].toLowerCase() !== name);
        return `${path}?${[...others, parameter].join('&')}${fragment}`;
    }

    function positions_in(text) {
        return new Map(text.split(',').filter(each => POSITION.test(each)).map(each => each.split('.')));
    }

    /** The JSON object of a control frame; null for other frames. */
    function control_in(frame) {
        if (frame[0] !== '!') {
            return null;
        }
        try {
            const control = JSON.parse(frame.slice(1));
            return is_object(control) ? control : null;
        } catch (error) {
            return null;
        }
    }

    function is_object(value) {
        return typeof value === 'object' && value !== null && !Array.isArray(value);
    }

    /** As text, which its bytes are as far as the head goes. */
    function start_of(frame) {
        return typeof frame === 'string' ? frame.slice(0, LONGEST_HEAD)
            : String.fromCharCode(...new Uint8Array(frame.slice(0, LONGEST_HEAD)));
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
