// Names the certificates that a decision leaves too little time: a line for each reason, and not one for each certificate.
import { counted } from '../domain/counted.ts';
import type { ShortDevice, ShortGroup } from './views/decisions.ts';

export function shortLines(groups: readonly ShortGroup[], devices: readonly ShortDevice[]): string[] {
  return groups.map(({ why, count, detail }) => {
    const [first, ...others] = devices.filter((each) => each.why === why);
    const line = `${counted(count, 'certificate')}: ${detail}`;
    if (!first) return line;
    const owner = first.owner || 'no owner';
    const named = `${line}; the first is that of ${first.id} (${owner}), which ends ${new Date(first.endsAt).toISOString()}`;
    if (others.length === 0) return named;
    const unnamed = count - 1 - others.length;
    const more = unnamed > 0 ? ` and ${unnamed} more` : '';
    return `${named}; then ${others.map(({ id }) => id).join(', ')}${more}`;
  });
}
