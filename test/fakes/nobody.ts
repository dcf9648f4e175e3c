// The sessions of a gateway that nobody is connected to.
import type { Sessions } from '../../src/ports/sessions.ts';

export const nobody: Sessions = {
  send: async () => 0,
  listens: async () => false,
  clientIdsOf: async () => [],
  closeByCertificate: async () => 0,
  closeByPrincipal: async () => 0,
  closeClaimed: async () => 0,
  closeIntroduced: async () => 0,
  isConnected: async () => false,
};
