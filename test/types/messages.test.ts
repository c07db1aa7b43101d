import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { diagnosticsOf } from './compile.js';

const folder = fileURLToPath(new URL('wrong/', import.meta.url));
const names = readdirSync(folder).filter((name) => name !== 'tasks.ts');
const diagnostics = diagnosticsOf(new Map(names.map((name) => [folder + name, undefined])));

describe('a wrong edge fails tsc with a message that names what is wrong', () => {
  it.each(names)('%s', (name) => {
    const source = readFileSync(folder + name, 'utf8');
    const expected = [...source.matchAll(/^\/\/ expect: (.*)$/gm)].map(([, line]) => line);
    const messages = diagnostics.get(folder + name);
    expect(messages).toEqual([expected.join('\n')]);
    expect(expected.length).toBeLessThanOrEqual(4);
  });
});
