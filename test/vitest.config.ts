import { defineConfig } from 'vitest/config';

// The tests that need nothing but Node. Peers (mosquitto, openssl, browsers) have their own configuration beside this one.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/peers/**', 'test/bench/**', 'node_modules/**'],
    // Most of them wait most of the time: by default one core would be left idle.
    maxWorkers: '100%',
    testTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 120_000,
  },
});
