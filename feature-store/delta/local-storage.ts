/** A table in a folder of the local disk. */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { ifThere } from '../../contracts/if-there.js';
import { createExclusive, moveFile, syncPath } from './durable-file.js';
import { inParallel } from './in-parallel.js';
import { stagedMissing, type StoredFile, type TableStorage } from './table-storage.js';

/** @param table absolute folder; made by what is first written */
export function localStorage(table: string): TableStorage {
  const location = (name: string): string => path.join(table, name);
  const read = (name: string): Promise<string | undefined> =>
    ifThere(readFile(location(name), 'utf8'));
  return {
    location,
    read,
    listLog: async (after = '') => {
      const names = (await ifThere(readdir(location('_delta_log')))) ?? [];
      return names.filter((name) => name > after).sort();
    },
    listData: () => listData(table),
    create: async (name, text) =>
      // a network file system may report a link that it made as taken
      (await createExclusive(location(name), text)) || (await read(name)) === text,
    put: async (files) => {
      const folders = new Set<string>();
      await inParallel(files, async (staged) => {
        const target = location(staged.path);
        if (!(await moveFile(staged.file, target, staged.bytes)))
          throw stagedMissing(staged, target);
        await syncPath(target);
        folders.add(path.dirname(target));
      });
      await inParallel([...folders], syncPath);
    },
    remove: async (names) => {
      await inParallel(names, (name) => rm(location(name), { force: true }));
    },
  };
}

async function* listData(table: string): AsyncGenerator<readonly StoredFile[]> {
  const entries = (await ifThere(readdir(table, { recursive: true, withFileTypes: true }))) ?? [];
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(path.join(table, '_delta_log', path.sep)));
  for (let start = 0; start < files.length; start += PAGE) {
    const page = await inParallel(files.slice(start, start + PAGE), async (file) => {
      const found = await ifThere(stat(file));
      if (found === undefined) return [];
      return [{ path: path.relative(table, file), bytes: found.size, modifiedMs: found.mtimeMs }];
    });
    yield page.flat();
  }
}

const PAGE = 1_000;
