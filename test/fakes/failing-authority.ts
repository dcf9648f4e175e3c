// The real authority behind a switch: turned off it fails as one does that cannot be reached.
import { NolapseError } from '../../src/domain/errors.ts';
import type { Authority } from '../../src/ports/authority.ts';

export class FailingAuthority {
  isDown = false;
  /** Requests it was asked to sign, answered or not. */
  asked = 0;
  readonly #principals: string[] = [];

  /** Whose certificates it signed, in order. */
  get signedFor(): readonly string[] {
    return this.#principals;
  }

  through = (real: Authority): Authority => ({
    ...real,
    issue: async (request, crlUrl) => {
      this.asked += 1;
      if (this.isDown) throw new NolapseError('authority_unavailable', 'connection refused');
      this.#principals.push(request.principalId);
      return real.issue(request, crlUrl);
    },
  });
}
