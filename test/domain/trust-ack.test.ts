import { describe, expect, it } from 'vitest';
import type { AckMessage } from '../../src/domain/message.ts';
import { readTrustAck, trustMessage } from '../../src/domain/trust-ack.ts';

const announced = { sequence: 1_796_083_200, size: 565, port: 8885, isControl: false };
const control = { ...announced, port: 8886, isControl: true };
const { renewal } = trustMessage(announced);

describe('an announcement', () => {
  it('of a control looks like any other', () => {
    expect(trustMessage(announced)).toEqual({ renewal: 't1796083200', size: 565, port: 8885 });
    expect(trustMessage(control)).toEqual({ ...trustMessage(announced), port: 8886 });
  });
});

describe("a device's word of a step", () => {
  const failed = (code?: string): Omit<AckMessage, 'renewal'> => ({ status: 'failed', ...(code && { code }) });

  it.each([
    [announced, { status: 'stored' }, { kind: 'stored' }],
    [control, { status: 'stored' }, { kind: 'stored' }],
    [control, failed('port_untrusted'), { kind: 'control_passed' }],
    [control, failed('port_unreachable'), { kind: 'control_unreached' }],
    [announced, failed('port_unreachable'), { kind: 'port_failed', code: 'port_unreachable', detail: '' }],
    [control, failed('malformed_step'), { kind: 'step_failed', code: 'malformed_step', detail: '' }],
    [announced, failed('port_untrusted'), { kind: 'port_failed', code: 'port_untrusted', detail: '' }],
    [announced, failed('bad_signature'), { kind: 'step_failed', code: 'bad_signature', detail: '' }],
    [announced, failed(), { kind: 'step_failed', code: 'unspecified', detail: '' }],
    [announced, { status: 'installed' }, { kind: 'refused', refusal: { code: 'wrong_state' } }],
    [null, { status: 'stored' }, { kind: 'refused', refusal: { code: 'unknown_renewal' } }],
    [null, failed('port_untrusted'), { kind: 'refused', refusal: { code: 'unknown_renewal' } }],
  ] as const)('about %j, %j, means %j', (step, ack, meaning) => {
    expect(readTrustAck(step, { renewal, ...ack })).toMatchObject(meaning);
  });
});
