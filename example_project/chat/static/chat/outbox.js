/**
 * Messages of this page that nobody has confirmed yet. They are shown, and sent again until they are confirmed.
 *
 * A websocket confirms a message by sending it back, a view by its answer. Sending a message twice does no harm: it has
 * an id, and each page shows an id once.
 */
import { appendText, renderMessage } from './messages.js';

const MOST_WAITING = 100;
const SEND_AGAIN_AFTER = 10000; // milliseconds; the server may have lost one, although the connection is still open

export class Outbox {
    #entries = new Map(); // by id
    #queue = Promise.resolve(); // one after the other, so that they arrive as they were written
    #list;
    #hint;
    #hasSelfDeclaredNames;
    #deliver;
    #takeBack;

    /**
     * `deliver(message)` sends a message and returns, or resolves to, whether it could; it throws if the message was
     * refused for good. `takeBack(text)` is called with the text of such a message, to be changed and sent again.
     */
    constructor(chat, { hasSelfDeclaredNames, deliver, takeBack }) {
        this.#list = chat.querySelector('.waiting');
        this.#hint = chat.querySelector('.hint');
        this.#hasSelfDeclaredNames = hasSelfDeclaredNames;
        this.#deliver = deliver;
        this.#takeBack = takeBack;
        setInterval(() => this.sendAll(), SEND_AGAIN_AFTER);
    }

    get isFull() {
        return this.#entries.size >= MOST_WAITING;
    }

    has(id) {
        return this.#entries.has(id);
    }

    add(message) {
        const item = renderMessage(message, this.#hasSelfDeclaredNames);
        item.classList.add('own');
        const note = appendText(item, 'p', 'note', 'sending');
        const entry = { message, item, note, isQueued: false, isWaiting: false };
        this.#list.append(item);
        this.#entries.set(message.id, entry);
        this.#enqueue(entry);
    }

    sendAll() {
        this.#entries.forEach((entry) => this.#enqueue(entry));
    }

    /** Ends what was begun by `add`; returns the message, or undefined if there is none with this id. */
    confirm(id) {
        const entry = this.#entries.get(id);
        this.#remove(entry);
        return entry?.message;
    }

    /** Nothing can be sent any more: all texts stay visible, marked as not sent. */
    giveUp() {
        this.#entries.forEach((entry) => this.#refuse(entry, 'not sent'));
    }

    #enqueue(entry) {
        if (entry.isQueued) return;
        entry.isQueued = true;
        this.#queue = this.#queue.then(() => this.#send(entry));
    }

    async #send(entry) {
        try {
            entry.isWaiting = this.has(entry.message.id) && !(await this.#deliver(entry.message));
        } catch (error) {
            this.#refuse(entry, `not sent: ${error.message}`);
        }
        entry.isQueued = false;
        if (this.has(entry.message.id)) {
            entry.note.textContent = entry.isWaiting ? 'waiting for the connection' : 'sending';
        }
        this.#showCount();
    }

    #refuse(entry, reason) {
        if (!this.#entries.delete(entry.message.id)) return;
        entry.note.textContent = reason;
        entry.item.classList.add('refused');
        const button = appendText(entry.item, 'button', 'quiet', 'Edit');
        button.type = 'button';
        button.addEventListener('click', () => {
            entry.item.remove();
            this.#takeBack(entry.message.text);
        });
        this.#showCount();
    }

    #remove(entry) {
        if (!entry) return;
        this.#entries.delete(entry.message.id);
        entry.item.remove();
        this.#showCount();
    }

    /** One sentence for all, so that a screen reader reads it once and not for each message again. */
    #showCount() {
        const count = [...this.#entries.values()].filter((entry) => entry.isWaiting).length;
        const subject = count === 1 ? '1 message is' : `${count} messages are`;
        const text = count === 0 ? '' : `${subject} waiting for the connection.`;
        if (this.#hint.textContent !== text) this.#hint.textContent = text;
    }
}
