/** Types of the module `ws4redis.mjs`: the global ones, exported. */
/// <reference path="./ws4redis.d.ts" />

export type Options = WS4RedisOptions;
export type Message = WS4RedisMessage;

declare const client: WS4RedisConstructor;
type client = globalThis.WS4Redis;
export { client as WS4Redis, client as default };
