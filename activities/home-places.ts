/** Where the state of a home lies, as the environment says. */
import { resolve } from 'node:path';
import { homeLayout, type HomeLayout } from '../contracts/home.js';

/**
 * The layout of a home with its tables in `SENTINEL_TABLES`, a folder or `s3://bucket/prefix`; by default in the home.
 *
 * @param home absolute folder
 */
export function homePlaces(home: string): HomeLayout {
  const tables = process.env['SENTINEL_TABLES'] ?? '';
  if (tables === '') return homeLayout(home);
  const isBucket = tables.startsWith('s3://');
  return homeLayout(home, isBucket ? tables.replace(/\/+$/, '') : resolve(tables));
}
