import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// The tests that need nothing but Node and few minutes. Long ones (*.long.test.ts) and those with peers (mosquitto, openssl) have
// their own configurations beside this one.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/units.setup.ts'],
    exclude: ['test/**/*.long.test.ts', 'test/peers/**', 'test/bench/**', 'node_modules/**'],
    // A worker loads the code once for all of its files: loading it for each took longer than most files run.
    isolate: false,
    restoreMocks: true,
    // Most tests wait most of the time: with one worker to a core the cores would be idle.
    maxWorkers: 2 * availableParallelism(),
    testTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    hookTimeout: 120_000,
  },
});
