// The certificate authorities that `authority.kind` can name. Another one is one more file here, and one more line.
import { openLocalAuthority } from './local.ts';

export const authorities = { local: openLocalAuthority } as const;
