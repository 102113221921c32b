/** The badge that says whether the page is connected. */

export class Status {
    #badge;
    #retry;
    #label;
    #countdown;

    constructor(badge) {
        this.#badge = badge;
        this.#label = badge.querySelector('.label');
        this.#retry = badge.querySelector('.retry');
    }

    /**
     * The badge is a live region: a screen reader announces each change. So it changes once when an outage begins and
     * once when it ends, and not with each attempt to connect.
     */
    show(name) {
        this.#stopCountdown('');
        if (this.#badge.dataset.state === name) return;
        this.#badge.dataset.state = name;
        this.#label.textContent = name;
    }

    /** Counts down in an element of its own, which is not announced. */
    countDown(seconds) {
        const end = Date.now() + seconds * 1000;
        const update = () => {
            const rest = Math.max(1, Math.ceil((end - Date.now()) / 1000));
            this.#retry.textContent = `trying again in ${rest} s`;
        };
        this.#stopCountdown('');
        this.#countdown = setInterval(update, 1000);
        update();
    }

    tryNow() {
        if (this.#badge.dataset.state === 'disconnected') this.#stopCountdown('trying again now');
    }

    #stopCountdown(text) {
        clearInterval(this.#countdown);
        this.#retry.textContent = text;
    }
}
