/**
 * One set-up per checkout at a time.
 *
 * The lock is a listening socket in Linux's abstract name space: the kernel frees the name when the
 * process ends, however it ends, so no lock is ever stale.
 */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { connect, createServer } from 'node:net';

/**
 * Waits until no other process holds the lock of this checkout, then holds it.
 *
 * @param {string} root folder of the checkout
 * @param {() => void} onWait called once, when another process holds it
 * @returns {Promise<{ release(): void }>}
 */
export async function acquireLock(root, onWait) {
  const name = `\0sentinel-setup-${createHash('sha256').update(realpathSync(root)).digest('hex')}`;
  for (let waited = false; ; waited = true) {
    const server = await listen(name);
    if (server !== undefined) return { release: () => server.close() };
    if (!waited) onWait();
    await untilClosed(name);
  }
}

function listen(name) {
  return new Promise((resolve, reject) => {
    const waiters = new Set();
    const server = createServer((socket) => {
      waiters.add(socket);
      socket.unref();
      socket.on('error', () => socket.destroy()); // a waiter that was killed must not end the holder
      socket.on('close', () => waiters.delete(socket));
    });
    server.unref();
    server.once('error', (error) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(name, () =>
      resolve({
        close() {
          server.close();
          for (const socket of waiters) socket.destroy();
        },
      }),
    );
  });
}

function untilClosed(name) {
  return new Promise((resolve) => {
    const socket = connect(name);
    socket.on('error', () => setTimeout(resolve, 50)); // the holder ended between our two calls
    socket.on('close', () => resolve(undefined));
    socket.resume();
  });
}
