// Kept sessions that are away, made in the store itself before a broker opens it: thousands take no longer than a few.
import { openDatabase } from '../../../src/store/sqlite/database.ts';

/** @param filtersOf the topic filters of each, at QoS 2. */
export async function leaveSessions(
  file: string,
  sessions: number,
  filtersOf: (session: number) => readonly string[],
): Promise<void> {
  const database = openDatabase(file);
  const subscribe = database.sqlite.prepare(
    `INSERT INTO mqtt_subscription (client_id, filter, qos, options) VALUES (?, ?, 2, '{}')`,
  );
  await database.submit(() => {
    for (let session = 0; session < sessions; session += 1)
      for (const filter of filtersOf(session)) subscribe.run(`away-${session}`, filter);
  });
  await database.close();
}
