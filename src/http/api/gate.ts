// What every request passes before anything is done for it: the Host header, the pace of its address, who it is, where it comes from, and the
// pace of whoever it is.
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { addressBlock } from '../../domain/address-block.ts';
import type { DecisionLog } from '../../ports/decision-log.ts';
import { type Callers, type Recognized, requireSameOrigin } from './caller.ts';
import { hostCheck } from './headers.ts';
import { Refused } from './problem.ts';
import { Rates } from './rates.ts';

/** Of one address block, whoever asks: more than all of an operator's pages want. */
const addressBurst = 4;
/** Requests of one address block that nobody is recognized by. */
const failures = { perSecond: 1, burst: 20 };

export interface GateOptions {
  readonly names: readonly string[];
  readonly requestsPerSecond: number;
  readonly callers: Callers;
  readonly decisions: DecisionLog;
}

export class Gate {
  readonly #callers: Callers;
  readonly #decisions: DecisionLog;
  readonly #checkHost: (header: string | undefined) => void;
  readonly #ofAddress: Rates;
  readonly #ofCaller: Rates;
  readonly #failed = new Rates(failures.perSecond, failures.burst);

  constructor({ names, requestsPerSecond, callers, decisions }: GateOptions) {
    this.#callers = callers;
    this.#decisions = decisions;
    this.#checkHost = hostCheck(names);
    this.#ofAddress = new Rates(requestsPerSecond * addressBurst, requestsPerSecond * addressBurst * 2);
    this.#ofCaller = new Rates(requestsPerSecond, requestsPerSecond * 2);
  }

  /** Of what nobody has to be recognized for. Throws Refused. */
  open(request: IncomingMessage): void {
    this.#checkHost(request.headers.host);
    this.#pace(this.#ofAddress, addressBlock(request.socket.remoteAddress));
  }

  /** Throws Refused `misdirected`, `too_many_requests`, `unauthorized` or `bad_request`. */
  async enter(request: IncomingMessage): Promise<Recognized> {
    this.open(request);
    const block = addressBlock(request.socket.remoteAddress);
    if (!this.#failed.has(block)) throw tooMany(this.#failed, block);
    const found = await this.#callers.recognize(request);
    if (typeof found === 'string') {
      this.#failed.take(block);
      this.#decisions.tell({
        action: 'api.refused',
        reason: found,
        message: `a request to the HTTP API was refused: ${found}`,
        fields: { 'source.ip': request.socket.remoteAddress ?? '' },
      });
      throw new Refused('unauthorized', [], { 'www-authenticate': 'Bearer realm="nolapse"' });
    }
    const scheme = request.socket instanceof TLSSocket ? 'https' : 'http';
    requireSameOrigin(request, `${scheme}://${request.headers.host ?? ''}`, found.session !== null);
    this.#pace(this.#ofCaller, found.caller.credential.id);
    return found;
  }

  #pace(rates: Rates, name: string): void {
    if (!rates.take(name)) throw tooMany(rates, name);
  }
}

function tooMany(rates: Rates, name: string): Refused {
  return new Refused('too_many_requests', [], { 'retry-after': `${rates.waitSeconds(name)}` });
}
