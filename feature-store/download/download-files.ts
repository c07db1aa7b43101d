/**
 * Files of a published data set into a folder: several at a time, resumed, verified, and under their
 * final name only when they are whole.
 */
import { mkdir, rename, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { errorOf, PipelineError, type Fault } from '../../contracts/errors.js';
import { syncPath } from '../delta/durable-file.js';
import { fileHash } from '../sources/checksum.js';
import { fetchPart, removePart, type OnBytes } from './fetch-part.js';
import type { HttpOptions } from './http-get.js';
import type { DataSetFile } from './record.js';
import { unpackMember } from './unpack-member.js';

/** What to download, and how. */
export interface DownloadRequest extends HttpOptions {
  readonly files: readonly DataSetFile[];
  /** Absolute; made when needed. */
  readonly outDir: string;
  /** Files at a time. @default 4 */
  readonly parallel?: number;
  /** Told of every piece that was stored, in bytes of transfer; negative when stored bytes are dropped. */
  readonly onBytes?: OnBytes;
  /** Told of each file that is there and verified. */
  readonly onFile?: (file: DownloadedFile) => void;
}

/** A file that is there. */
export interface DownloadedFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  /** `present`: it was there before, by name and size; only verified files have their final name. */
  readonly state: 'fetched' | 'present';
}

/** Bytes to be transferred for a file. */
export function transferBytes({ member, bytes }: DataSetFile): number {
  return member === undefined ? bytes : member.end - member.start;
}

/**
 * The files that `outDir` lacks.
 *
 * @throws PipelineError DOWNLOAD_NO_SPACE when the disk has no room for them
 */
export async function missingFiles(
  files: readonly DataSetFile[],
  outDir: string,
): Promise<DataSetFile[]> {
  await mkdir(outDir, { recursive: true });
  const missing: DataSetFile[] = [];
  for (const file of files) if (!(await isPresent(outDir, file))) missing.push(file);
  const needed = missing.reduce((sum, file) => sum + file.bytes, 0);
  const { bavail, bsize } = await statfs(outDir);
  if (needed <= bavail * bsize) return missing;
  throw new PipelineError({
    code: 'DOWNLOAD_NO_SPACE',
    file: outDir,
    found: `room for ${gigabytes(bavail * bsize)}`,
    expected: gigabytes(needed),
    fix: 'free the disk, take fewer weeks, or another --out',
  });
}

/**
 * Downloads what is missing; a file that fails does not stop the others.
 *
 * @returns every file, in the order asked for
 * @throws PipelineError DOWNLOAD_INCOMPLETE with a line for each file that failed, or the one fault there is
 */
export async function downloadFiles(request: DownloadRequest): Promise<DownloadedFile[]> {
  const { files, outDir, parallel = 4, signal, onFile } = request;
  const done: DownloadedFile[] = [];
  const faults: Fault[] = [];
  const queue = files.entries();
  const worker = async (): Promise<void> => {
    for (const [index, file] of queue) {
      try {
        const downloaded = await downloadOne(file, request);
        done[index] = downloaded;
        onFile?.(downloaded);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof PipelineError)) throw error;
        faults.push({ ...error.fault, file: path.join(outDir, file.path) });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, files.length) }, worker));
  const [first, ...others] = faults;
  if (first !== undefined) throw errorOf('DOWNLOAD_INCOMPLETE', [first, ...others]);
  return done;
}

async function downloadOne(file: DataSetFile, request: DownloadRequest): Promise<DownloadedFile> {
  const target = path.join(request.outDir, file.path);
  const result = { path: target, bytes: file.bytes };
  if (await isPresent(request.outDir, file)) return { ...result, state: 'present' };
  const { published, member, etag } = file;
  const part = `${target}.part`;
  const remote = {
    url: published.url,
    identity: published.md5,
    totalBytes: published.bytes,
    end: published.bytes,
    ...(etag !== undefined && { etag }),
    ...(member !== undefined && { start: member.start, end: member.end }),
  };
  for (let round = 1; ; round += 1) {
    await fetchPart(remote, part, request);
    const wrong = await complete(file, part, target);
    if (wrong === undefined) return { ...result, state: 'fetched' };
    await removePart(part);
    request.onBytes?.(-transferBytes(file));
    // the bytes of a machine that went down may be holes: a second round tells them from a bad source
    if (round === 2) throw damaged(target, wrong);
  }
}

/** Gives a whole part its final name; undefined, or what is wrong with it. */
async function complete(
  file: DataSetFile,
  part: string,
  target: string,
): Promise<string | undefined> {
  const { published, member } = file;
  let whole = part;
  if (member === undefined) {
    const md5 = await fileHash(part, 'md5');
    if (md5 !== published.md5) return `MD5 ${md5} where ${published.md5} was announced`;
  } else {
    whole = `${target}.unpacked.part`;
    const wrong = await unpackMember(part, member, whole);
    if (wrong !== undefined) {
      await rm(whole);
      return wrong;
    }
  }
  await rename(whole, target);
  await syncPath(path.dirname(target));
  await removePart(part);
  return undefined;
}

async function isPresent(outDir: string, file: DataSetFile): Promise<boolean> {
  const found = await stat(path.join(outDir, file.path)).catch(() => undefined);
  return found?.isFile() === true && found.size === file.bytes;
}

function damaged(file: string, found: string): PipelineError {
  return new PipelineError({
    code: 'DOWNLOAD_DAMAGED',
    file,
    found: `${found}, twice`,
    fix: 'start again later; if it stays, tell the publisher, or look for a proxy that alters bytes',
  });
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
