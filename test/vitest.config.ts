import { defineConfig } from 'vitest/config';

// The tests that need nothing but Node. Peers (mosquitto, openssl, browsers) have their own configuration beside this one.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/peers/**', 'test/bench/**', 'node_modules/**'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
