/**
 * The browser client for modules: `import { WS4Redis } from '…/ws4redis.mjs'`.
 *
 * The client itself is a classic script, so that pages written for django-websocket-redis load it unchanged.
 */
import './ws4redis.js';

export const WS4Redis = globalThis.WS4Redis;
export default WS4Redis;
