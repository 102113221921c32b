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
}

/** Declared as a method, so that `(text: string) => void` is accepted by pages that know of no binary messages. */
type WS4RedisReceiver = { receive(message: string | Blob | ArrayBuffer): void }["receive"];

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
     *   is full or the message is empty.
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
}

interface WS4RedisConstructor {
    /**
     * Connects at once.
     *
     * @param options - Only `uri` is required.
     * @param jquery - Ignored; django-websocket-redis wanted it.
     * @throws Error when `uri` is missing or `binaryType` is unknown, or whatever `new WebSocket(uri, protocols)` throws,
     *   such as a `SyntaxError`.
     */
    new (options: WS4RedisOptions, jquery?: unknown): WS4Redis;

    /** The same without `new`. */
    (options: WS4RedisOptions, jquery?: unknown): WS4Redis;

    readonly prototype: WS4Redis;
}

declare var WS4Redis: WS4RedisConstructor;
