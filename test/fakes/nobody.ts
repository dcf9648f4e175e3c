// The sessions of a gateway that nobody is connected to.
import type { Sessions } from '../../src/ports/sessions.ts';

export const nobody: Sessions = {
  send: async () => 0,
  listens: () => false,
  clientIdsOf: () => [],
  closeByCertificate: () => 0,
  closeByPrincipal: () => 0,
  closeClaimed: () => 0,
  closeIntroduced: () => 0,
  isConnected: () => false,
};
