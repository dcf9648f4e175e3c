// What a simulated device tells about itself, for tests to wait for and for the demo to count.
import type { Fingerprint } from '../domain/certificate.ts';
import type { StepRefusal } from '../domain/trust-store.ts';
import type { Slot } from './credentials.ts';

export type DeviceEvent =
  /** In which lane, the device cannot know. */
  | { readonly type: 'connected'; readonly slot: Slot; readonly fingerprint: string; readonly notAfter: number }
  | { readonly type: 'disconnected' }
  | { readonly type: 'offer'; readonly renewal: string; readonly deadline: number }
  | { readonly type: 'requested'; readonly renewal: string; readonly csr: Uint8Array }
  | { readonly type: 'part'; readonly renewal: string; readonly offset: number; readonly total: number }
  | { readonly type: 'certificate'; readonly renewal: string; readonly fingerprint: string; readonly notAfter: number }
  /** Stored, and said so to the broker. */
  | { readonly type: 'installed'; readonly renewal: string }
  /** The replacement was let in for the first time. */
  | { readonly type: 'activated'; readonly renewal: string; readonly fingerprint: string }
  | { readonly type: 'done'; readonly renewal: string; readonly retires: number }
  /** The old credential is deleted. */
  | { readonly type: 'forgotten'; readonly renewal: string | null }
  | { readonly type: 'refused'; readonly slot: Slot; readonly code: number | null; readonly detail: string }
  | { readonly type: 'unreachable'; readonly detail: string }
  | { readonly type: 'fallback'; readonly renewal: string | null }
  | { readonly type: 'asleep'; readonly until: number }
  /** Nothing is owed to it now: it asks again after so many seconds. */
  | { readonly type: 'idle'; readonly retryAfter: number }
  /** The broker has seen the replacement: it is tried again. */
  | { readonly type: 'forward'; readonly renewal: string }
  /** A step of a root was announced, with a port. */
  | { readonly type: 'trust'; readonly renewal: string; readonly port: number }
  /** The step is kept, and the broker was told so. */
  | { readonly type: 'stored'; readonly renewal: string }
  /** It is not kept, or its port is of no use; the broker was told so. */
  | { readonly type: 'step_refused'; readonly renewal: string; readonly code: StepRefusal }
  /** CONNACK 0 on a port whose chain this root verified. */
  | { readonly type: 'verified'; readonly port: number; readonly root: Fingerprint }
  /** An error message from the broker, or a message the device cannot read. */
  | { readonly type: 'error'; readonly code: string; readonly detail: string };

export type DeviceEventType = DeviceEvent['type'];
export type EventOf<T extends DeviceEventType> = Extract<DeviceEvent, { type: T }>;
export type Listener = (event: DeviceEvent) => void;
