/** One chat: shows what the websocket delivers, and sends what is written. Needs ws4redis.js before it. */
import { Messages } from './messages.js';
import { Outbox } from './outbox.js';
import { Status } from './status.js';

const SIGNED_OUT = 4401; // the close code
const SHOWN_AT_FIRST = 20; // messages
const INCOMPLETE = 'Some messages may be missing.';

const chat = document.querySelector('.chat');
const form = chat.querySelector('.composer');
const problem = chat.querySelector('.refusal');
const gap = chat.querySelector('.gap');
const publishesItself = form.dataset.publish === 'websocket';

const status = new Status(chat.querySelector('.state'));
const hasSelfDeclaredNames = publishesItself;
const messages = new Messages(chat, { hasSelfDeclaredNames });
const outbox = new Outbox(chat, { hasSelfDeclaredNames, deliver: publishesItself ? publish : post, takeBack });
let isOver = false;

const client = new WS4Redis({
    uri: chat.dataset.uri,
    transport: 'auto', // where a proxy lets no websockets through, an event stream
    heartbeat_msg: JSON.parse(chat.dataset.heartbeat),
    queue_size: 0, // the outbox keeps what waits, and shows it
    history: SHOWN_AT_FIRST,
    resume: true, // after a reconnection, what was missed is received, and nothing twice
    recovered: (isComplete) => {
        if (!isComplete) gap.textContent = INCOMPLETE; // until the page is loaded again
    },
    connecting: () => status.tryNow(),
    connected: () => {
        status.show('connected');
        outbox.sendAll();
    },
    disconnected: (event) => {
        if (event.code === SIGNED_OUT) showSignedOut();
        if (isOver) return;
        status.show('disconnected');
    },
    waiting: (seconds) => status.countDown(seconds),
    receive_message: receive,
    presence: { now: showPresent },
});

function showPresent(users, { anonymous }) {
    const guests = anonymous > 0 ? [`${anonymous} anonymous`] : [];
    chat.querySelector('.here').textContent = `${users.length + anonymous} here: ${[...users, ...guests].join(', ')}`;
}

function receive(payload) {
    const message = parse(payload);
    const own = outbox.confirm(message.id);
    // Sent twice by an outbox, or among the newest messages, which are received again after an incomplete recovery.
    if (message.id && messages.has(message.id)) return;
    const isOwn = publishesItself ? own !== undefined : message.from === chat.dataset.username;
    messages.add(message, { isOwn });
}

/** Anybody can publish anything to everyone: what is no message of this page's is shown as it came. */
function parse(payload) {
    try {
        const message = JSON.parse(payload);
        if (typeof message?.text === 'string') return { ...message, id: String(message.id ?? '') };
    } catch {
        // Not JSON: the plain text of, say, redis-cli.
    }
    return { id: '', from: '', text: String(payload) };
}

function publish(message) {
    return client.send_message(JSON.stringify(message));
}

/** Returns false where there is no answer, so that the outbox tries again. */
async function post(message) {
    const body = new FormData(form);
    body.set('id', message.id);
    body.set('text', message.text);
    if (message.to) body.set('recipient', message.to);
    let response;
    try {
        response = await fetch(form.action, { method: 'POST', body, signal: AbortSignal.timeout(10000) });
    } catch {
        return false;
    }
    if (response.redirected) {
        showSignedOut(); // the answer is the sign-in page
    } else if (response.status === 400) {
        throw new Error(Object.values(await response.json()).flat().join(' '));
    } else if (!response.ok) {
        throw new Error(`the server answered ${response.status}; reload the page and try again`);
    } else if (outbox.confirm(message.id)) {
        messages.add(message, { isOwn: true });
    }
    return true;
}

function end() {
    isOver = true;
    client.close();
}

function showSignedOut() {
    end();
    status.show('signed out elsewhere');
    outbox.giveUp();
    chat.querySelector('.signed-out').hidden = false;
    form.querySelector('button').disabled = true;
}

function takeBack(text) {
    form.elements.text.value = text;
    form.elements.text.focus();
}

function newMessage(fields) {
    const words = crypto.getRandomValues(new Uint32Array(4)); // randomUUID() is missing on pages without TLS
    return {
        id: Array.from(words, (word) => word.toString(16).padStart(8, '0')).join(''),
        from: publishesItself ? fields.get('from').trim() : chat.dataset.username,
        text: fields.get('text'),
        at: new Date().toISOString(),
        ...(fields.has('recipient') && { to: fields.get('recipient') }),
    };
}

form.addEventListener('submit', (event) => {
    event.preventDefault();
    const input = form.elements.text;
    if (input.value.trim() === '') return;
    problem.hidden = !outbox.isFull;
    problem.textContent = outbox.isFull ? 'Not sent: too many messages are waiting for the connection.' : '';
    if (outbox.isFull) return;
    outbox.add(newMessage(new FormData(form)));
    messages.showEnd();
    input.value = '';
    input.focus();
});

// Signing out here leaves the page: no need to say that they did.
document.querySelector('.account form')?.addEventListener('submit', end);

form.hidden = false; // without this script it would do nothing
form.elements.text.focus({ preventScroll: true });
