import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks', // native addons (TensorFlow, DuckDB) are not safe in worker threads
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
