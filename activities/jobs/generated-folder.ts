/**
 * The folder of a generated data set: which day files are complete, and what they were made with.
 *
 * The manifest lists a file after it has appeared, so that a stopped run goes on where it was.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { PipelineError } from '../../contracts/errors.js';
import { GENERATOR_VERSION } from '../../domain/traffic/generator-parameters.js';

/** A day file that is complete. */
export interface WrittenFile {
  readonly rows: number;
  readonly bytes: number;
}

/** A folder whose files all have the same parameters. */
export interface GeneratedFolder {
  /** Paths of complete day files below the folder, in their order. */
  files(): string[];
  /** Whether the file is listed and lies there in its full size. */
  isComplete(file: string): Promise<boolean>;
  /** Lists a file that has been written. */
  add(file: string, written: WrittenFile): Promise<void>;
}

interface Manifest {
  readonly version: number;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly files: Record<string, WrittenFile>;
}

const MANIFEST = 'generated.json';

/**
 * Opens a folder for data of the given parameters, or makes it.
 *
 * @param parameters whatever changes the bytes; values of JSON
 * @throws PipelineError GENERATE_DIR_DIFFERS when it holds other files, or files of other parameters
 */
export async function openGeneratedFolder(
  outDir: string,
  parameters: Readonly<Record<string, unknown>>,
): Promise<GeneratedFolder> {
  await mkdir(outDir, { recursive: true });
  const path = join(outDir, MANIFEST);
  const entries = await readdir(outDir);
  const isNew = !entries.includes(MANIFEST);
  if (isNew && entries.length > 0) {
    throw differs(outDir, `${entries.length} entries without ${MANIFEST}`, 'an empty folder');
  }
  const found = isNew ? null : parseManifest(await readFile(path, 'utf8'));
  const known = { version: GENERATOR_VERSION, parameters };
  if (!isNew && !isDeepStrictEqual(found && pick(found), known)) {
    const text = found === null ? 'no readable manifest' : JSON.stringify(found.parameters);
    throw differs(outDir, `version ${found?.version ?? '?'}, ${text}`, JSON.stringify(parameters));
  }
  const files = new Map(Object.entries(found?.files ?? {}));

  let saved = Promise.resolve();
  function save(): Promise<void> {
    saved = saved.then(() => {
      const sorted = Object.fromEntries([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
      return writeAtomically(path, `${JSON.stringify({ ...known, files: sorted }, null, 1)}\n`);
    }); // one after the other: an older manifest must not replace a newer one
    return saved;
  }

  await save();
  return {
    files: () => [...files.keys()].sort(),
    async isComplete(file) {
      const listed = files.get(file);
      if (listed === undefined) return false;
      const there = await stat(join(outDir, file)).catch(() => null); // gone: write it again
      return there?.size === listed.bytes;
    },
    add(file, written) {
      files.set(file, written);
      return save();
    },
  };
}

/** Writes a small file that appears complete: temporary name, then rename. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  await writeFile(temporary, text, { flag: 'wx', flush: true });
  await rename(temporary, path);
}

function pick({ version, parameters }: Manifest): Pick<Manifest, 'version' | 'parameters'> {
  return { version, parameters };
}

function parseManifest(text: string): Manifest | null {
  try {
    const value: unknown = JSON.parse(text);
    const looksRight =
      typeof value === 'object' && value !== null && 'parameters' in value && 'files' in value;
    return looksRight ? (value as Manifest) : null; // our own file; what it holds is compared next
  } catch {
    return null; // an unreadable manifest is reported by the caller as a folder that differs
  }
}

function differs(outDir: string, found: string, expected: string): PipelineError {
  return new PipelineError({
    code: 'GENERATE_DIR_DIFFERS',
    file: outDir,
    found,
    expected,
    fix: 'Choose another --out folder, or repeat the parameters that made this one.',
  });
}
