/** The messages that are shown, each id once, and the scrolling. */

const MOST_SHOWN = 200;
const CLOSE_TO_THE_END = 40; // pixels

export class Messages {
    #chat;
    #list;
    #hasSelfDeclaredNames;
    #shown = new Map(); // by id
    #isFollowing = true; // the reader is at the end, and stays there when something is added

    constructor(chat, { hasSelfDeclaredNames }) {
        this.#chat = chat;
        this.#list = chat.querySelector('.said');
        this.#hasSelfDeclaredNames = hasSelfDeclaredNames;
        const noteScrolling = () => this.#noteScrolling();
        chat.querySelector('.messages').addEventListener('scroll', noteScrolling);
        window.addEventListener('scroll', noteScrolling);
        // A phone's keyboard, a phone that is turned, a notice above the form: the end stays in view.
        const follow = () => this.#isFollowing && this.showEnd();
        window.addEventListener('resize', follow);
        const observer = new ResizeObserver(follow);
        ['.messages', '.bottom'].forEach((part) => observer.observe(chat.querySelector(part)));
        this.#below.addEventListener('click', () => this.showEnd());
    }

    has(id) {
        return this.#shown.has(id);
    }

    add(message, { isOwn }) {
        const item = renderMessage(message, this.#hasSelfDeclaredNames);
        item.classList.toggle('own', isOwn);
        this.#list.append(item);
        if (message.id) this.#shown.set(message.id, item);
        while (this.#list.children.length > MOST_SHOWN) this.#removeOldest();
        if (this.#isFollowing) this.showEnd();
        else this.#below.hidden = false;
    }

    showEnd() {
        const scroller = this.#scroller;
        scroller.scrollTop = scroller.scrollHeight;
        this.#isFollowing = true;
        this.#below.hidden = true;
    }

    get #below() {
        return this.#chat.querySelector('.below');
    }

    /** In low windows the whole page scrolls: see chat.css. */
    get #scroller() {
        const messages = this.#chat.querySelector('.messages');
        return getComputedStyle(messages).overflowY === 'auto' ? messages : document.scrollingElement;
    }

    #noteScrolling() {
        const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
        this.#isFollowing = scrollHeight - scrollTop - clientHeight < CLOSE_TO_THE_END;
        if (this.#isFollowing) this.#below.hidden = true;
    }

    #removeOldest() {
        const oldest = this.#list.firstElementChild;
        oldest.remove();
        for (const [id, item] of this.#shown) {
            if (item === oldest) this.#shown.delete(id);
        }
    }
}

export function renderMessage(message, hasSelfDeclaredName) {
    const item = document.createElement('li');
    const sender = appendText(item, 'bdi', 'sender', message.from || 'anonymous');
    sender.classList.toggle('self-declared', hasSelfDeclaredName);
    if (message.to) appendText(appendText(item, 'span', 'recipient', 'to '), 'bdi', '', message.to);
    appendTime(item, new Date(message.at));
    appendText(item, 'p', 'text', message.text).dir = 'auto';
    return item;
}

/** Sets textContent, never innerHTML: names and texts come from strangers. */
export function appendText(parent, tag, className, text) {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    parent.append(element);
    return element;
}

function appendTime(parent, moment) {
    if (Number.isNaN(moment.getTime())) return;
    const text = moment.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    appendText(parent, 'time', 'at', text).dateTime = moment.toISOString();
}
