/** Which storage an address means. */
import { readdir } from 'node:fs/promises';
import { ifThere } from '../../contracts/if-there.js';
import { localStorage } from './local-storage.js';
import { s3Folders, s3Storage } from './s3-storage.js';
import type { TableStorage } from './table-storage.js';

/** @param table absolute folder, or `s3://bucket/prefix` */
export function storageOf(table: string): TableStorage {
  return isS3(table) ? s3Storage(table) : localStorage(table);
}

/**
 * Names of the folders directly below a place, ascending; none when it is not there.
 *
 * @param place absolute folder, or `s3://bucket/prefix`
 */
export async function listFolders(place: string): Promise<string[]> {
  if (isS3(place)) return s3Folders(place);
  const entries = (await ifThere(readdir(place, { withFileTypes: true }))) ?? [];
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

function isS3(address: string): boolean {
  return address.startsWith('s3://');
}
