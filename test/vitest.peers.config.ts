import { defineConfig } from 'vitest/config';

// The tests that run real peers: mosquitto's clients, openssl, a shell. `.ci/run` installs what they need.
export default defineConfig({
  test: {
    include: ['test/peers/**/*.test.ts'],
    testTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 120_000,
    // Most of them wait for programs of their own, and leave the machine idle. More at a time would run into time limits.
    maxWorkers: 4,
  },
});
