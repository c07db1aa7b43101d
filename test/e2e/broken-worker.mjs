/** Preloaded into every Node process of a home: the worker ends before it serves anything. */
if (process.argv[1]?.endsWith('/dist/workers/main.js')) throw new Error('the disk is gone');
