// The certificate authorities that can be configured. Another one is one more file here, and one more line.
import { openLocalAuthority } from './local.ts';

export const authorities = { local: openLocalAuthority } as const;
