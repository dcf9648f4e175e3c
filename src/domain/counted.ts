// A number with its noun, as sentences need it: `1 certificate`, `22 certificates`.

/** @param many the plural, where it is another than with an s. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
