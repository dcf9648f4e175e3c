import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DarkReason, darkReasons } from '../../src/domain/forecast.ts';
import { nextCommand } from '../../src/domain/next-command.ts';

const reasons = Object.keys(darkReasons) as DarkReason[];
const plain = { id: 'mtr-047', gateway: 'gw-1', renewal: 'r-1' };

describe('the next command', () => {
  it('is one that can be typed, for every reason', () => {
    expect(Object.fromEntries(reasons.map((why) => [why, nextCommand(why, plain)]))).toEqual({
      in_grace: 'nolapse device show mtr-047',
      ended: 'nolapse device issue mtr-047 --out ./mtr-047',
      revoked: 'nolapse device issue mtr-047 --out ./mtr-047',
      quarantined: 'nolapse device release mtr-047',
      gateway_gone: 'nolapse device show gw-1',
      not_delegated: 'nolapse delegation add gw-1 --device mtr-047',
      not_planned: 'nolapse renewal run mtr-047',
      renewal_refused: 'nolapse renewal show r-1',
      renewal_failed: 'nolapse renewal show r-1',
      issuer_ends: 'nolapse trust status',
      away: 'nolapse device show mtr-047',
      never_came: 'nolapse device show mtr-047',
      comes_rarely: 'nolapse policy explain mtr-047',
      no_lead: 'nolapse policy explain mtr-047',
      no_key_mode: 'nolapse policy explain mtr-047',
    });
  });

  it('makes a certificate for the gateway first, where that is what is dark', () => {
    const command = nextCommand('gateway_gone', { ...plain, isGatewayDark: true });
    expect(command).toBe('nolapse device issue gw-1 --out ./gw-1');
  });

  it('is about the device where there is no gateway and no renewal', () => {
    const alone = { id: 'a', gateway: null, renewal: null };
    expect(nextCommand('gateway_gone', alone)).toBe('nolapse device show a');
    expect(nextCommand('not_delegated', alone)).toBe('nolapse device show a');
    expect(nextCommand('renewal_failed', alone)).toBe('nolapse renewal list --device a');
  });

  it('gives a shell the id as it is, whatever it holds', () => {
    const id = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 64 }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(id, fc.constantFrom(...reasons), (name, why) => {
        const command = nextCommand(why, { id: name, gateway: name, renewal: null });
        if (why === 'issuer_ends') return;
        const words = execFileSync('sh', ['-c', `printf '%s\\0' ${command}`], { encoding: 'utf8' }).split('\0');
        expect(words[0]).toBe('nolapse');
        const [about] = words.filter((word) => word === name || word === `--device=${name}`);
        expect(about).toBeDefined();
        if (name.startsWith('-') && about === name) expect(words[words.indexOf(name) - 1]).toBe('--');
      }),
      { numRuns: 60 },
    );
  });
});
