// One decision is one line and one count, and no secret is ever in the line.
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { actions } from '../../src/telemetry/actions.ts';
import { createDecisionLog } from '../../src/telemetry/decision-log.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { metricTable } from '../../src/telemetry/metric-table.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { recordingLog } from './recording-log.ts';

function setUp(level = 'trace') {
  const { log, lines, text } = recordingLog(level);
  const metrics = createMetrics();
  return { log, lines, text, metrics, decisions: createDecisionLog(log, metrics) };
}

const pem = `-----BEGIN PRIVATE KEY-----\n${'MIGHAgEAMBMGByqGSM49\n'.repeat(3)}-----END PRIVATE KEY-----\n`;

describe('the decisions', () => {
  it('writes one line with the names of ECS', () => {
    const { decisions, lines } = setUp();
    decisions.tell({
      action: 'admission.refused',
      reason: 'revoked',
      message: 'dev-1 refused: revoked',
      fields: { 'nolapse.principal': 'dev-1', 'source.ip': '10.0.0.1' },
    });
    expect(lines).toEqual([
      {
        '@timestamp': expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        'log.level': 'warn',
        'service.name': 'nolapse',
        'process.pid': process.pid,
        'ecs.version': '8.11.0',
        'event.action': 'admission.refused',
        'event.reason': 'revoked',
        'nolapse.principal': 'dev-1',
        'source.ip': '10.0.0.1',
        message: 'dev-1 refused: revoked',
      },
    ]);
  });

  it('is as loud as the table says, unless the decision says otherwise', () => {
    const { decisions, lines } = setUp();
    decisions.tell({ action: 'renewal.offered', message: 'm' });
    decisions.tell({ action: 'renewal.offered', message: 'm', level: 'error' });
    expect(lines.map((line) => line['log.level'])).toEqual(['info', 'error']);
  });

  it('counts also what is too quiet to be written', async () => {
    const { decisions, lines, metrics } = setUp('error');
    decisions.tell({ action: 'renewal.offered', message: 'm' });
    expect(lines).toEqual([]);
    expect(await metrics.value('nolapse_renewals_total', { state: 'offered' })).toBe(1);
  });

  it('counts verdicts by what they let in', async () => {
    const { decisions, metrics } = setUp();
    const tell = (action: string, reason: string): void => decisions.tell({ action, reason, message: 'm' });
    tell('admission.admitted', 'admitted');
    tell('admission.admitted', 'overlap');
    tell('admission.admitted', 'expired_in_grace');
    tell('admission.admitted', 'bootstrap');
    tell('admission.refused', 'expired');
    const count = (verdict: string, reason: string) => metrics.value('nolapse_admissions_total', { verdict, reason });
    expect(await count('full', 'admitted')).toBe(1);
    expect(await count('full', 'overlap')).toBe(1);
    expect(await count('renew-only', 'expired_in_grace')).toBe(1);
    expect(await count('renew-only', 'bootstrap')).toBe(1);
    expect(await count('refused', 'expired')).toBe(1);
  });

  it('counts refusals, denials, drops and alerts by their reason', async () => {
    const { decisions, metrics } = setUp();
    decisions.tell({ action: 'enrollment.refused', reason: 'bad_signature', message: 'm' });
    decisions.tell({ action: 'access.denied', reason: 'publish', message: 'm' });
    for (let n = 0; n < 7; n += 1)
      decisions.tell({ action: 'connection.refused', reason: 'connections_max', message: 'm' });
    decisions.tell({ action: 'packet.refused', reason: 'packet_too_large', message: 'm' });
    decisions.tell({ action: 'message.dropped', reason: 'queue_full', message: 'm' });
    decisions.tell({ action: 'alert.raised', reason: 'lapsed', message: 'm' });
    const dropped = { 'nolapse.dropped_count': 3 };
    decisions.tell({ action: 'notification.dropped', reason: 'queue_full', message: 'm', fields: dropped });
    expect(await metrics.value('nolapse_enrollment_errors_total', { code: 'bad_signature' })).toBe(1);
    expect(await metrics.value('nolapse_denied_total', { action: 'publish' })).toBe(1);
    expect(await metrics.value('nolapse_connections_refused_total', { reason: 'connections_max' })).toBe(7);
    expect(await metrics.value('nolapse_connections_refused_total', { reason: 'packet_too_large' })).toBe(1);
    expect(await metrics.value('nolapse_messages_dropped_total', { reason: 'queue_full' })).toBe(1);
    expect(await metrics.value('nolapse_alerts_total', { kind: 'lapsed' })).toBe(1);
    expect(await metrics.value('nolapse_notifications_dropped_total', { reason: 'queue_full' })).toBe(3);
  });

  it('makes no new time series of what a peer sends', async () => {
    const { decisions, metrics } = setUp();
    for (let i = 0; i < 50; i += 1) {
      decisions.tell({ action: 'access.denied', reason: `#${i}`, message: 'm' });
      decisions.tell({ action: `invented.${i}`, message: 'm' });
    }
    expect(await metrics.value('nolapse_denied_total', { action: 'other' })).toBe(50);
    expect(await metrics.value('nolapse_unlisted_decisions_total', {})).toBe(50);
    expect((await metrics.render()).split('\n').length).toBeLessThan(150);
  });

  it('tells of every listed action without a count going astray', async () => {
    const { decisions, lines, metrics } = setUp();
    for (const action of Object.keys(actions)) decisions.tell({ action, message: 'm' });
    expect(lines.map((line) => line['event.action'])).toEqual(Object.keys(actions));
    expect(await metrics.value('nolapse_unlisted_decisions_total', {})).toBe(0);
    expect(await metrics.value('nolapse_renewals_total', { state: 'other' })).toBe(0);
  });
});

describe('a flood', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  const denied = (principal: string, topic: string) => ({
    action: 'access.denied',
    reason: 'publish',
    message: `${principal} may not publish there`,
    fields: { 'nolapse.principal': principal, 'nolapse.topic': topic },
  });

  it('of one device is counted one by one, and told in few lines that say how many they stand for', async () => {
    const { decisions, lines, metrics } = setUp();
    for (let i = 0; i < 20_000; i += 1) decisions.tell(denied('dev-1', `topic-${i}`));
    expect(lines).toHaveLength(20);
    vi.advanceTimersByTime(1_000);
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toMatchObject({ 'nolapse.topic': 'topic-19999', 'nolapse.folded_count': 19_980 });
    expect(await metrics.value('nolapse_denied_total', { action: 'publish' })).toBe(20_000);
    vi.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(21);
  });

  it('hides nobody else, and nothing of another kind', () => {
    const { decisions, lines } = setUp();
    for (let i = 0; i < 100; i += 1) decisions.tell(denied('dev-1', 'a'));
    decisions.tell(denied('dev-2', 'b'));
    decisions.tell({ ...denied('dev-1', 'c'), reason: 'subscribe' });
    expect(lines.slice(20)).toMatchObject([{ 'nolapse.topic': 'b' }, { 'nolapse.topic': 'c' }]);
  });

  it('is told line by line again once it has been quiet', () => {
    const { decisions, lines } = setUp();
    for (let i = 0; i < 30; i += 1) decisions.tell(denied('dev-1', 'a'));
    vi.advanceTimersByTime(30_000);
    for (let i = 0; i < 20; i += 1) decisions.tell(denied('dev-1', 'a'));
    expect(lines).toHaveLength(20 + 1 + 20);
    expect(lines.at(-1)).not.toHaveProperty('nolapse.folded_count');
  });

  it('of what only the broker itself brings about is never folded', () => {
    const { decisions, lines } = setUp();
    for (let i = 0; i < 100; i += 1) decisions.tell({ action: 'renewal.issued', message: 'm' });
    expect(lines).toHaveLength(100);
  });
});

describe('a line', () => {
  it('never holds a PEM block, wherever it was put', () => {
    const { decisions, log, text } = setUp();
    decisions.tell({
      action: 'device.added',
      message: `here: ${pem}`,
      fields: { a: pem, deep: { er: [pem] }, [pem]: 1 },
    });
    decisions.tell({ action: 'device.added', message: `cut off: ${pem.slice(0, 60)}` });
    log.error({ err: new Error(`cannot read ${pem}`) }, 'failed');
    expect(text()).not.toContain('MIGHAgEA');
    expect(text()).toContain('[redacted]');
  });

  it('never holds a field that is named as a secret, nor bytes', () => {
    const { decisions, lines, text } = setUp();
    const fields = {
      passphrase: 'hunter2',
      key: 'hunter2',
      a: { keyPem: 'hunter2' },
      'x.token': 'hunter2',
      der: Buffer.from('hunter2'),
    };
    decisions.tell({ action: 'device.added', message: 'm', fields: { ...fields, 'nolapse.principal': 'dev-1' } });
    expect(text()).not.toContain('hunter2');
    expect(lines[0]).toMatchObject({ der: '[7 bytes]', passphrase: '[redacted]', 'nolapse.principal': 'dev-1' });
  });

  it('names an error by its kind, code and cause', () => {
    const { log, lines } = setUp();
    const error = Object.assign(new TypeError('broken', { cause: new Error('deeper') }), { code: 'E_X' });
    log.error({ err: error }, 'failed');
    expect(lines[0]).toMatchObject({
      'error.type': 'TypeError',
      'error.message': 'broken',
      'error.code': 'E_X',
      'error.cause': 'deeper',
    });
  });

  it('survives fields that contain themselves', () => {
    const { log, lines } = setUp();
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    log.info({ loop }, 'round');
    expect(lines).toHaveLength(1);
  });
});

describe('what a peer has put into words', () => {
  /** Clears the screen, then begins a line of its own; C1's way to do the same; turns the direction of writing. */
  const hostile = '\u001b[2J\r\n{"event.action":"gateway.stopped"}\u009b31m\u2028\u202eevil';
  const harmless = '\\u001b[2J\\u000d\\u000a';

  it('begins no other line and commands no terminal, in messages, fields and errors', () => {
    const { decisions, log, lines, text } = setUp();
    decisions.tell({
      action: 'renewal.failed',
      reason: hostile,
      message: hostile,
      fields: { a: hostile, b: [hostile] },
    });
    log.error({ err: new Error(hostile) }, hostile);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that must not be there.
    expect(text().replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(String(line['message']).startsWith(harmless)).toBe(true);
    expect(lines[1]?.['error.message']).not.toContain('\u001b');
  });

  it('is no more to the readable lines', () => {
    const written: string[] = [];
    const stream = new Writable({
      write: (chunk, _encoding, done) => {
        written.push(String(chunk));
        done();
      },
    });
    const log = createLog({ level: 'info', readable: true, stream });
    createDecisionLog(log, createMetrics()).tell({
      action: 'renewal.failed',
      message: hostile,
      fields: { a: hostile },
    });
    const all = written.join('');
    expect(all.trimEnd().split('\n')).toHaveLength(1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
    expect(all.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
    expect(all).toContain(harmless);
  });

  it('is cut: 128 characters of a topic, and 2,048 of all else', () => {
    const { decisions, lines } = setUp();
    const long = 'z'.repeat(60_000);
    const fields = { 'nolapse.topic': long, 'nolapse.client_id': long, list: [long] };
    decisions.tell({ action: 'message.dropped', message: long, fields });
    expect(lines[0]).toMatchObject({
      'nolapse.topic': `${long.slice(0, 128)}…`,
      'nolapse.client_id': `${long.slice(0, 2_048)}…`,
      list: [`${long.slice(0, 2_048)}…`],
      message: `${long.slice(0, 2_048)}…`,
    });
  });
});

describe('the metrics', () => {
  it('are all there, with help, before anything happened', async () => {
    const text = await createMetrics().render();
    for (const name of Object.keys(metricTable)) expect(text).toContain(`# HELP ${name} `);
  });

  it('keep gauges at what they were last set to', async () => {
    const metrics = createMetrics();
    metrics.set('nolapse_sessions', { lane: 'full' }, 5);
    metrics.set('nolapse_sessions', { lane: 'full' }, 3);
    expect(await metrics.value('nolapse_sessions', { lane: 'full' })).toBe(3);
    expect(await metrics.render()).toContain('nolapse_sessions{lane="full"} 3');
  });
});
