/** What a file's bytes add up to, and whether a checksum beside it (`FILE.md5`, `FILE.sha256`) says the same. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Fault } from '../../contracts/errors.js';
import { ifThere } from '../../contracts/if-there.js';

const DIGITS = { md5: 32, sha256: 64 } as const;

/** Hash of a file as it lies on disk, lower-case hex digits. */
export async function fileHash(file: string, algorithm: keyof typeof DIGITS): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer); // no encoding is set
  return hash.digest('hex');
}

/**
 * The fault of a file that is not what a checksum beside it promises; undefined when it is, or when none lies there.
 *
 * A checksum file begins with the hex digits, as `md5sum` and `sha256sum` write it.
 */
export async function checksumFault(file: string, sha256: string): Promise<Fault | undefined> {
  for (const algorithm of ['md5', 'sha256'] as const) {
    const beside = `${file}.${algorithm}`;
    const text = await ifThere(readFile(beside, 'utf8'));
    if (text === undefined) continue;
    const promised = new RegExp(`^\\\\?([0-9a-f]{${DIGITS[algorithm]}})(?![0-9a-z])`, 'i').exec(
      text,
    )?.[1];
    const found = algorithm === 'md5' ? await fileHash(file, algorithm) : sha256;
    if (promised?.toLowerCase() === found) continue;
    return {
      code: 'FLOW_FILE_CHECKSUM',
      file,
      found:
        promised === undefined
          ? `no checksum in ${path.basename(beside)}`
          : `the ${algorithm} ${found}`,
      expected: promised ?? `${DIGITS[algorithm]} hex digits`,
      fix: `copy or download the file again; delete ${path.basename(beside)} if that is what is wrong`,
    };
  }
  return undefined;
}
