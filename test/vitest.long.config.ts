import { defineConfig } from 'vitest/config';

// The tests that need nothing but Node and take long by nature: brokers killed at each step, a million rows, floods.
export default defineConfig({
  test: {
    include: ['test/**/*.long.test.ts'],
    exclude: ['test/peers/**', 'node_modules/**'],
    maxWorkers: '100%',
    testTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    hookTimeout: 120_000,
  },
});
