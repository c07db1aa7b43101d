import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { TableSchema } from '../../feature-store/delta/schema.js';
import * as engineTables from '../../feature-store/engine-tables.js';
import { RAW_COLUMNS } from '../../feature-store/sources/flow-columns.js';
import * as storeTables from '../../feature-store/tables.js';

const text = readFileSync(new URL('../../docs/data.md', import.meta.url), 'utf8');
const schemas = Object.values({ ...storeTables, ...engineTables }).filter(isTable);
const sections = new Map(
  text.split(/^## /m).map((section) => {
    const [title = ''] = section.split('\n');
    return [title.replaceAll('`', ''), section] as const;
  }),
);

describe('docs/data.md', () => {
  it('has a section for every table, and no other', () => {
    const described = [...sections.keys()]
      .slice(1)
      .filter((title) => !['Queries', 'Raw files', 'Getting the data'].includes(title));
    expect(described.toSorted()).toEqual(schemas.map(({ name }) => name).toSorted());
  });

  it.each(schemas)(
    'lists each column of $name in its order, with type, unit and null',
    (schema) => {
      const rows = tableRows(schema.name);
      expect(rows.map(([name, type]) => ({ name, type }))).toEqual(schema.columns);
      for (const [name, , unit, absent] of rows) {
        expect(unit, name).not.toBe('');
        expect(absent, name).toMatch(/^(no|when .+)$/);
      }
      const partitions = schema.partitionColumns.map((column) => `\`${column}\``).join(', ');
      expect(sections.get(schema.name)).toContain(
        partitions === '' ? 'Not partitioned.' : `Partitioned by ${partitions}.`,
      );
    },
  );

  it('lists each raw column, whether it is required, and its other names', () => {
    expect(
      tableRows('Raw files').map(([name, , required, also]) => [name, required, also]),
    ).toEqual(
      RAW_COLUMNS.map(({ name, required, aliases = [] }) => [
        name,
        required ? 'yes' : 'no',
        aliases.join(', '),
      ]),
    );
  });
});

function isTable(value: unknown): value is TableSchema {
  return typeof value === 'object' && value !== null && 'partitionColumns' in value;
}

/** Cells of the section's table, back quotes taken off, without its head. */
function tableRows(title: string): string[][] {
  return (sections.get(title) ?? '')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) =>
      cells.map((cell, index) => (index === 2 ? cell.trim() : cell.trim().replaceAll('`', ''))),
    );
}
