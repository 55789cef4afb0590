/** Ids without `randomUUID`, which pages without TLS do not have. */

const random = (bytes: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");

let number = 0;

/** Of a shopper or a visit. */
export const newId = (): string => random(16);

/** Of an event: its time and number come first, so that ids sort as events happened. */
export const eventId = (time: number): string =>
  time.toString(16).padStart(12, "0") + (number++ % 65536).toString(16).padStart(4, "0") + random(8);

export const timeOf = (id: string): number => Number.parseInt(id.slice(0, 12), 16);
