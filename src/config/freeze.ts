// Freezes what was read once, with all that is in it: nobody changes the configuration for somebody else.

export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (value instanceof Map) {
    const refuse = (): never => {
      throw new TypeError('the configuration is frozen');
    };
    // Freezing an object does not reach a Map's entries, so its verbs go.
    Object.assign(value, { set: refuse, delete: refuse, clear: refuse });
    for (const each of value.values()) deepFreeze(each);
  }
  for (const each of Object.values(value)) deepFreeze(each);
  return Object.freeze(value);
}
