// All that comes in parts, in one list.
export async function gathered<Each>(parts: AsyncIterable<readonly Each[]>): Promise<Each[]> {
  const all: Each[] = [];
  for await (const part of parts) all.push(...part);
  return all;
}
