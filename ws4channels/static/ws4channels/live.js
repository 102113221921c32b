/**
 * The page Live of ws4channels in Django's admin: shows what passes on a key, newest first.
 *
 * Shows what a reader can follow and counts the rest, so that no rate of messages makes the browser slow.
 */
(function () {
    'use strict';

    const ROWS = 200;  // kept on the page
    const ROWS_AT_ONCE = 25;
    const INTERVAL = 250;  // milliseconds between two changes of the page
    const LONGEST_TEXT = 10000;  // characters shown of a message
    const TOO_SLOW = 4008;  // close code

    const live = document.querySelector('.ws4-live');
    const words = live.dataset;
    const state = live.querySelector('.ws4-state');
    const button = live.querySelector('.ws4-pause');
    const counts = live.querySelector('.ws4-counts');
    const rows = live.querySelector('.ws4-messages tbody');
    const number = new Intl.NumberFormat(document.documentElement.lang || undefined);

    let waiting = [];  // messages that come into view with the next change, oldest first
    let received = 0, not_shown = 0;
    let is_paused = false, is_refused = false, has_connected = false, must_clear = false;
    let position = '';
    let timer = null;

    const client = new WS4Redis({
        uri: address,
        transport: 'auto',
        resume: true,
        history: Number(words.history),
        heartbeat_msg: words.heartbeat || null,
        connecting: () => tell(words.connecting),
        connected: begin,
        receive_message: receive,
        recovered: is_complete => is_complete || add({text: words.missing, is_note: true}),
        disconnected: end,
    });

    button.hidden = counts.hidden = false;
    button.addEventListener('click', () => {
        is_paused = !is_paused;
        button.textContent = is_paused ? words.goOn : words.pause;
        button.setAttribute('aria-pressed', is_paused);
    });

    /** Each connection needs a ticket of its own. Only who may see the messages gets one. */
    async function address() {
        const response = await fetch(words.ticketUrl, {redirect: 'manual'}).catch(() => null);
        // A redirection leads to the sign-in page.
        is_refused = response !== null && (response.status === 403 || response.type === 'opaqueredirect');
        if (!response || !response.ok) {
            throw new Error('There is no ticket.');
        }
        const {ticket} = await response.json();
        return `${words.uri}&ticket=${encodeURIComponent(ticket)}`;
    }

    function tell(text) {
        if (state.textContent !== text) {
            state.textContent = text;
        }
    }

    function begin() {
        tell(words.connected);
        if (!has_connected) {
            has_connected = must_clear = true;  // what the page came with is received again
            change_soon();
        }
    }

    function end(event) {
        tell(is_refused ? words.refused : words.disconnected);
        if (event.code === TOO_SLOW) {
            add({text: words.slow, is_note: true});
        }
    }

    function receive(payload) {
        received += 1;
        if (is_paused) {
            not_shown += 1;
            change_soon();
        } else {
            add({payload, at: time_of_newest()});
        }
    }

    function add(message) {
        waiting.push(message);
        if (waiting.length > ROWS) {
            not_shown += 1;
            waiting.shift();
        }
        change_soon();
    }

    /** The number in a position is a time by Redis' clock, in microseconds; a message without a number changes it not. */
    function time_of_newest() {
        const newest = client.get_position();
        const has_number = newest !== position;
        position = newest;
        return new Date(has_number ? Number(newest.split('.')[1]) / 1000 : Date.now());
    }

    function change_soon() {
        timer = timer || setTimeout(change, INTERVAL);  // hidden pages change as well, seldom
    }

    function change() {
        timer = null;
        if (must_clear) {
            must_clear = false;
            rows.replaceChildren();
        }
        const most = has_history() ? ROWS : ROWS_AT_ONCE;
        not_shown += Math.max(0, waiting.length - most);
        for (const message of waiting.slice(-most)) {
            rows.prepend(message.is_note ? note_row(message.text) : message_row(message));
        }
        waiting = [];
        while (rows.children.length > ROWS) {
            rows.lastChild.remove();
        }
        const missing = not_shown ? `, ${number.format(not_shown)} ${words.notShown}` : '';
        counts.textContent = `${number.format(received)} ${words.received}${missing}`;
    }

    /** The history comes at once, and all of it is shown. */
    function has_history() {
        return received <= Number(words.history);
    }

    function note_row(text) {
        const row = document.createElement('tr');
        row.append(cell(text, 'ws4-note'));
        row.firstChild.colSpan = 3;
        return row;
    }

    function message_row({payload, at}) {
        const row = document.createElement('tr');
        const content = cell('', 'ws4-text');
        const size = cell('', 'ws4-number');
        row.append(cell(at.toLocaleTimeString(document.documentElement.lang || undefined), 'ws4-time'), size, content);
        const pre = document.createElement('pre');
        pre.dir = 'auto';
        content.append(pre);
        if (typeof payload === 'string') {
            size.textContent = number.format(new TextEncoder().encode(payload).length);
            pre.textContent = payload.length > LONGEST_TEXT ? `${payload.slice(0, LONGEST_TEXT)}…` : payload;
        } else {
            size.textContent = number.format(payload.size);
            pre.textContent = `<${number.format(payload.size)} ${words.bytes}>`;
        }
        return row;
    }

    function cell(text, name) {
        const element = document.createElement('td');
        element.className = name;
        element.textContent = text;
        return element;
    }
})();
