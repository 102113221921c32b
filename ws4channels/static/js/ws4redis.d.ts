/**
 * Types of the global `WS4Redis` that `ws4redis.js` defines.
 *
 * Name this file in `files` or `include` of a tsconfig.json, or in a `/// <reference path="…" />`.
 * Modules that import `ws4redis.mjs` find it by themselves, through `ws4redis.d.mts`.
 */

/** What a page tells the client once, when it creates it. */
interface WS4RedisOptions {
    /**
     * Address of the websocket, such as `wss://example.com/ws/news?subscribe-broadcast&publish-broadcast`.
     *
     * A function is called for each attempt to connect, after `connecting`: for addresses that hold a token which
     * expires. If it throws, its promise is rejected, or it gives no address within 30 seconds, then that attempt has
     * failed, which is written to the console, and the client tries again later.
     */
    uri: WS4RedisValue<string | URL>;

    /** Subprotocols to offer, as the second argument of `new WebSocket`. A function is treated as that of `uri`. */
    protocols?: WS4RedisValue<string | string[] | null | undefined>;

    /**
     * What carries the messages. `"auto"`: an event stream if the first websocket does not open and a stream does;
     * messages then go by `POST`. `"sse"`: an event stream.
     *
     * @defaultValue "websocket"
     */
    transport?: "websocket" | "auto" | "sse" | null;

    /**
     * The name of the cookie with Django's CSRF token, `CSRF_COOKIE_NAME`, for messages that go by `POST`.
     *
     * @defaultValue "csrftoken"
     */
    csrf_cookie?: string | null;

    /** What binary messages are received as. Absent or `null`: the default of `WebSocket`, which is `"blob"`. */
    binaryType?: BinaryType | null;

    /** Called before each attempt to connect; the first time while `WS4Redis(…)` itself still runs. */
    connecting?: () => void;

    /** Called each time a connection is open, after the messages that waited for it were sent. */
    connected?: () => void;

    /**
     * Called for each message, other than heartbeats.
     *
     * @param message - The text of the message. Where a site publishes bytes that are no UTF-8, it is a `Blob`, or an
     *   `ArrayBuffer` with `binaryType: "arraybuffer"`.
     */
    receive_message?: WS4RedisReceiver;

    /**
     * Called once for each `connecting`: when that connection ended, or could not be made.
     *
     * @param event - The socket's own event, or one with code 1006 where there was none.
     *   Outside browsers the latter may be a plain object with `type`, `code`, `reason` and `wasClean`.
     */
    disconnected?: (event: CloseEvent) => void;

    /**
     * Called after `disconnected`, unless the client was closed: the wait for the next attempt to connect begins.
     *
     * @param seconds - How long it is, if page and network do not end it earlier.
     */
    waiting?: (seconds: number) => void;

    /** The text of `WS4REDIS_HEARTBEAT`. Absent, `null` or empty: no heartbeats. */
    heartbeat_msg?: string | null;

    /**
     * How many messages may wait for a connection. `0`: none.
     *
     * @defaultValue 100
     */
    queue_size?: number;

    /**
     * How many of the newest messages of each channel to receive on connecting, all in their order. The server has
     * them where `WS4CHANNELS_HISTORY` is set. Absent, `null` or `0`: the newest one.
     */
    history?: number | null;

    /**
     * Whether to get, after a reconnection, exactly what was missed.
     *
     * @defaultValue false
     */
    resume?: boolean;

    /** With `resume`: what {@link WS4Redis.get_position | get_position} returned earlier, to go on from there. */
    position?: string | null;

    /**
     * With `resume`: called before the messages that follow a reconnection, and when messages are missing later.
     *
     * @param ok - `true`: nothing is missing, or what was missed comes now. `false`: messages may be missing. After a
     *   reconnection, the newest come as to a new client; this client may have had some of them.
     */
    recovered?: (ok: boolean) => void;

    /**
     * With `resume`: called after connecting if the server does not give the client all that its address asks for.
     *
     * @param channels - The reason, by the name of each channel that is left out, such as `subscribe-user`.
     */
    dropped?: (channels: Record<string, string>) => void;

    /**
     * With `resume`: called when users come to this client's channels or leave them. The server tells where
     * `WS4CHANNELS_PRESENCE` names the facility, and `WS4REDIS_ALLOWED_CHANNELS` allows `presence`.
     */
    presence?: WS4RedisPresence | null;

    /**
     * Whether all messages come as binary ones, those that are valid UTF-8 included.
     *
     * @defaultValue false
     */
    binary?: boolean;
}

/** Declared as a method, so that `(text: string) => void` is accepted by pages that know of no binary messages. */
type WS4RedisReceiver = { receive(message: string | Blob | ArrayBuffer): void }["receive"];

/** What a page may want to know of presence. */
interface WS4RedisPresence {
    /** Called for each channel after connecting, and after each change: who is here now, in alphabetical order. */
    now?: (users: string[], channel: WS4RedisChannel) => void;

    /** Called when users have joined, before `now`. Several tabs of a user join once. */
    joined?: (users: string[], channel: WS4RedisChannel) => void;

    /** Called when users have left, before `now`: some seconds after the last tab was closed. */
    left?: (users: string[], channel: WS4RedisChannel) => void;
}

/** Where somebody is. */
interface WS4RedisChannel {
    audience: "broadcast" | "group";

    /** The name of the group. */
    name?: string;

    /** How many websockets there are of clients that are not signed in. */
    anonymous: number;
}

/** A value, or a function that returns it or a promise of it. */
type WS4RedisValue<Value> = Value | (() => Value | PromiseLike<Value>);

/** What can be sent. Empty messages are not. */
type WS4RedisMessage = string | ArrayBuffer | ArrayBufferView | Blob;

/** A websocket that stays connected until it is told to {@link WS4Redis.close | close}. */
interface WS4Redis {
    /**
     * Sends a message now, or as soon as there is a connection.
     *
     * @param message - Text, or binary data that is not changed until it is sent.
     * @returns `true` when the message was sent or waits in the queue; `false` when it was refused, because the queue
     *   is full or the message is empty; beside an event stream also because a hundred wait for an answer.
     * @throws Error named `InvalidStateError` after `close()`.
     */
    send_message(message: WS4RedisMessage): boolean;

    /** Closes the connection for good: no reconnection, and messages that still wait are dropped. Can be repeated. */
    close(): void;

    /** `WebSocket.readyState`: 0 connecting, 1 open, 2 closing, 3 closed, which includes waiting to reconnect. */
    get_state(): 0 | 1 | 2 | 3;

    is_connecting(): boolean;
    is_connected(): boolean;
    is_closing(): boolean;

    /** Whether there is no connection at the moment; the client may be about to make one. */
    is_closed(): boolean;

    /**
     * With the option `resume`: what was received so far, as a text for the option `position`; else an empty text.
     * It includes the message that `receive_message` is being called for. `close()` keeps it.
     */
    get_position(): string;
}

interface WS4RedisConstructor {
    /**
     * Connects at once.
     *
     * @param options - Only `uri` is required.
     * @param jquery - Ignored; django-websocket-redis wanted it.
     * @throws Error when `uri` is missing, or `transport`, `binaryType`, `history`, `position` or `presence` is of no use, or
     *   whatever `new WebSocket(uri, protocols)` throws, such as a `SyntaxError`.
     */
    new (options: WS4RedisOptions, jquery?: unknown): WS4Redis;

    /** The same without `new`. */
    (options: WS4RedisOptions, jquery?: unknown): WS4Redis;

    readonly prototype: WS4Redis;
}

declare var WS4Redis: WS4RedisConstructor;
