/** What the server sends to a client with the option `resume`, and such clients. */

export const NEWS = 'kAAAAAAAAAAA1', USER = 'k-_AAAAAAAAA2';  // names of keys

export function position(number, key = NEWS) {
    return `${key}.${String(number).padStart(16, '0')}`;
}

export function frame(number, payload, key = NEWS) {
    return `${position(number, key)}\n${payload}`;
}

export function control(members) {
    return `!${JSON.stringify(members)}`;
}

export function bytes(frame) {
    return new TextEncoder().encode(frame).buffer;
}

/** The text of a message, also of a binary one. */
export async function text_of(message) {
    return new TextDecoder().decode(message instanceof Blob ? await message.arrayBuffer() : message);
}

/** A client with `resume` that notes in the world's log what it is told. */
export function resuming_client(world, options = {}) {
    return world.client({
        resume: true,
        recovered: ok => world.log.push(`recovered ${ok}`),
        dropped: channels => world.log.push(`dropped ${JSON.stringify(channels)}`),
        ...options,
    });
}

/** The same, connected, with the control frame of a first connection received and the log emptied. */
export function resumed_client(world, options, members = {recovered: null, positions: []}) {
    const client = resuming_client(world, options);
    world.socket.open();
    world.socket.receive(control(members));
    world.log.length = 0;
    return client;
}

/** Ends the connection and opens the next one; the log is empty afterwards. */
export function reconnect(world) {
    world.socket.end();
    world.network_returns();
    world.socket.open();
    world.log.length = 0;
}
