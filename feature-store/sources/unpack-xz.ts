/**
 * Unpacking .xz with the system's `xz`, which is nearly twice as fast as the library and works on a core of its own.
 *
 * Where there is no `xz` the library does it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { pipeline, Readable } from 'node:stream';
import { createDecompressor } from 'lzma-native';

/** The unpacked bytes; an error has the library's name, `LZMA_BUF_ERROR` for a file that stops too early. */
export function unpackXz(raw: Readable): Readable {
  hasTool ??= spawnSync('xz', ['--version']).status === 0;
  return hasTool
    ? Readable.from(throughTool(raw), { objectMode: false })
    : pipeline(raw, createDecompressor({ threads: 1 }), () => undefined); // errors surface in its reader
}

async function* throughTool(raw: Readable): AsyncGenerator<Buffer, void> {
  const child = spawn('xz', ['-dc'], { env: { ...process.env, LC_ALL: 'C' } });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said = (said + text.toString()).slice(0, 1_000)));
  const ended = once(child, 'close');
  ended.catch(() => undefined); // awaited below, unless reading has failed before
  let unread: Error | undefined;
  pipeline(raw, child.stdin, (error) => {
    // a broken pipe is the end of `xz`, whose exit code tells why
    if (error && error.code !== 'EPIPE') unread = error;
  });
  try {
    for await (const bytes of child.stdout) yield bytes as Buffer; // no encoding is set
    const [code] = (await ended) as [number | null]; // the listener's arguments
    if (unread !== undefined) throw unread;
    if (code !== 0) throw failure(said);
  } finally {
    child.kill();
  }
}

function failure(said: string): Error {
  const message = said.trim().replace(/^xz: \(stdin\): /, '');
  const name = message === 'Unexpected end of input' ? 'LZMA_BUF_ERROR' : 'LZMA_DATA_ERROR';
  return Object.assign(new Error(message), { name });
}

let hasTool: boolean | undefined;
