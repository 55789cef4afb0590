/** What may stand in an event: no query, no fragment, no address of a person. */

const PERSON = /[^\s/?#&=]*(@|%40)[^\s/?#&=]*/gi;

export const withoutPeople = (text: string): string => text.replace(PERSON, "-");

/** Origin and path of an address; nothing if it is none of the web. */
export const place = (address: string): string | undefined => {
  try {
    const { protocol, origin, pathname } = new URL(address);
    return protocol.startsWith("http") ? withoutPeople(origin + pathname) : undefined;
  } catch {
    return undefined;
  }
};
