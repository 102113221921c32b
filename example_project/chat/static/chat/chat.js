/* One chat: shows what the websocket delivers and sends what the form holds. Needs ws4redis.js before it. */
'use strict';
(() => {
    const MOST_SHOWN = 200;

    const chat = document.querySelector('.chat');
    const list = chat.querySelector('.messages');
    const state = chat.querySelector('.state');
    const problem = chat.querySelector('.problem');
    const form = chat.querySelector('.composer');
    const publishesItself = form.dataset.publish === 'websocket';
    const sentFromHere = new Set();
    let newest = null;

    const socket = new WS4Redis({
        uri: chat.dataset.uri,
        heartbeat_msg: JSON.parse(chat.dataset.heartbeat),
        connecting: () => showState('connecting'),
        connected: () => showState('connected'),
        disconnected: () => showState('disconnected'),
        receive_message: receive,
    });

    function showState(name) {
        state.dataset.state = name;
        state.textContent = name;
    }

    function receive(payload) {
        // After a reconnect the server sends the kept message again, which this page may have shown already.
        if (payload === newest) return;
        newest = payload;
        const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
        const message = parse(payload);
        const own = publishesItself ? sentFromHere.delete(payload) : message.from === chat.dataset.username;
        list.append(renderMessage(message, own));
        while (list.children.length > MOST_SHOWN) list.firstElementChild.remove();
        if (atEnd || own) list.scrollTop = list.scrollHeight;
    }

    // Anybody can publish anything to a broadcast: what is no message of ours is shown as it came.
    function parse(payload) {
        try {
            const message = JSON.parse(payload);
            if (typeof message?.text === 'string') return message;
        } catch {
            // Not JSON: the plain text of, say, redis-cli.
        }
        return { from: '', text: String(payload) };
    }

    function renderMessage(message, own) {
        const item = document.createElement('li');
        item.classList.toggle('own', own);
        const sender = appendText(item, 'span', 'sender', message.from || 'anonymous');
        sender.classList.toggle('self-declared', publishesItself);
        if (message.to) appendText(item, 'span', 'recipient', `to ${message.to}`);
        appendTime(item, new Date(message.at));
        appendText(item, 'p', 'text', message.text);
        return item;
    }

    // textContent, never innerHTML: names and texts come from strangers.
    function appendText(parent, tag, className, text) {
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

    function publish(fields) {
        const message = { from: fields.get('from').trim(), text: fields.get('text'), at: new Date().toISOString() };
        const payload = JSON.stringify(message);
        sentFromHere.add(payload);
        socket.send_message(payload);
    }

    async function post(fields) {
        const response = await fetch(form.action, { method: 'POST', body: fields });
        if (response.redirected) {
            // Signed out in another window: the answer is the sign-in page.
            window.location.assign(response.url);
        } else if (response.status === 400) {
            throw new Error(Object.values(await response.json()).flat().join(' '));
        } else if (!response.ok) {
            throw new Error(`The server answered ${response.status}. Reload the page and try again.`);
        }
    }

    form.addEventListener('submit', async (event) => {
        event.preventDefault();
        const fields = new FormData(form);
        const input = form.elements.text;
        input.value = ''; // at once, so that the next message can be typed while this one is under way
        input.focus();
        problem.hidden = true;
        try {
            await (publishesItself ? publish : post)(fields);
        } catch (error) {
            problem.textContent = `Not sent. ${error.message}`;
            problem.hidden = false;
            input.value ||= fields.get('text');
        }
    });
})();
