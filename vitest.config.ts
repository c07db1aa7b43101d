import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks', // native addons (TensorFlow, DuckDB) are not safe in worker threads
    maxWorkers: 2, // end-to-end files start servers and train: more of them at a time only wait
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
