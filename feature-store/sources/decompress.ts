/** The bytes of a flow file as a stream, whatever it is packed with; memory does not grow with the file. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { PipelineError } from '../../contracts/errors.js';
import { unpackXz } from './unpack-xz.js';

/** How a text file is packed, or that it is Parquet, told from its first bytes. */
export type Compression = 'none' | 'gz' | 'xz' | 'parquet';

/** The packing that the first bytes of a file show. */
export async function detectCompression(file: string): Promise<Compression> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(6), 0, 6, 0);
    const head = buffer.subarray(0, bytesRead);
    if (head.subarray(0, 2).equals(GZIP_MAGIC)) return 'gz';
    if (head.subarray(0, 4).equals(PARQUET_MAGIC)) return 'parquet';
    return head.equals(XZ_MAGIC) ? 'xz' : 'none';
  } finally {
    await handle.close();
  }
}

/** A part of what a file holds. */
interface UnpackedChunk {
  readonly bytes: Buffer;
  /** Bytes of the file itself that have been read for it and all before. */
  readonly bytesRead: number;
}

/**
 * The unpacked bytes in chunks.
 *
 * @throws PipelineError FLOW_FILE_TRUNCATED, FLOW_FILE_DAMAGED, FLOW_FILE_UNREADABLE while iterating
 */
export async function* readUnpacked(
  file: string,
  compression: Compression,
): AsyncGenerator<UnpackedChunk, void> {
  const raw = createReadStream(file, { highWaterMark: 1 << 18 });
  const unpacked = unpack(raw, compression);
  try {
    for await (const chunk of unpacked) yield { bytes: chunk as Buffer, bytesRead: raw.bytesRead }; // no encoding is set on these streams
  } catch (cause) {
    throw damaged(file, compression, cause);
  } finally {
    unpacked.destroy();
    raw.destroy();
  }
}

/**
 * The first lines of a file, without the rest of it being read.
 *
 * @param count how many lines; fewer when the file has fewer
 */
export async function firstLines(
  file: string,
  compression: Compression,
  count: number,
): Promise<string[]> {
  let text = '';
  for await (const { bytes } of readUnpacked(file, compression)) {
    text += bytes.toString('utf8'); // a character cut at a chunk's end cannot be in a header or a time
    if (text.split('\n').length > count || text.length > MAX_HEAD_CHARACTERS) break;
  }
  return text
    .split('\n')
    .slice(0, count)
    .map((line) => line.replace(/\r$/, ''));
}

function unpack(raw: Readable, compression: Compression): Readable {
  if (compression === 'none') return raw;
  if (compression === 'xz') return unpackXz(raw);
  return pipeline(raw, createGunzip({ chunkSize: 1 << 17 }), () => undefined); // errors surface in the for-await of the caller
}

/** The error of a file or folder that the system does not let us read; undefined for errors of other kinds. */
export function unreadable(file: string, cause: unknown): PipelineError | undefined {
  if (!(cause instanceof Error) || !('syscall' in cause)) return undefined;
  return new PipelineError(
    {
      code: 'FLOW_FILE_UNREADABLE',
      file,
      found: cause.message,
      expected: 'something that may be read',
      fix: 'give the user that runs the worker the right to read it; `ls -l` shows the rights and where a link leads',
    },
    { cause },
  );
}

function damaged(file: string, compression: Compression, cause: unknown): unknown {
  const refused = unreadable(file, cause);
  if (refused !== undefined) return refused;
  if (compression === 'none') return cause;
  const { code, name, message } = cause as NodeJS.ErrnoException; // zlib and lzma errors carry a code or a name
  const truncated = code === 'Z_BUF_ERROR' || name === 'LZMA_BUF_ERROR';
  return new PipelineError(
    {
      code: truncated ? 'FLOW_FILE_TRUNCATED' : 'FLOW_FILE_DAMAGED',
      file,
      found: truncated
        ? `a .${compression} file that stops too early`
        : `broken .${compression} data (${message})`,
      expected: `a complete .${compression} file`,
      fix: `copy or download the file again; \`${compression === 'gz' ? 'gzip' : 'xz'} -t\` tells whether it is whole`,
    },
    { cause },
  );
}

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const PARQUET_MAGIC = Buffer.from('PAR1');
const XZ_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);
const MAX_HEAD_CHARACTERS = 1 << 20;
