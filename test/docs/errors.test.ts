import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../contracts/errors.js';

const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
const sections = new Map(
  text
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [code = '', ...lines] = section.split('\n');
      return [code, lines.join('\n').trim()] as const;
    }),
);

describe('docs/errors.md', () => {
  it('has a section for every code, and no other, in alphabetical order', () => {
    expect([...sections.keys()]).toEqual(Object.keys(ERROR_CODES).sort());
  });

  it.each(Object.entries(ERROR_CODES))(
    'says of %s that it is %s, and how to mend it',
    (code, kind) => {
      const section = sections.get(code) ?? '';
      expect(section).toMatch(kind === 'final' ? /^Final\. / : /^Retried\. /);
      expect(section).toMatch(/\n\nTo mend: \S/);
    },
  );
});

describe('the table of codes', () => {
  it('is in alphabetical order', () => {
    const codes = Object.keys(ERROR_CODES);
    expect(codes).toEqual(codes.toSorted());
  });
});
