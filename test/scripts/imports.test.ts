/** What the scripts take from the compiled code is there: nothing else looks at them before they run. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const scripts = readdirSync('scripts', { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.mjs'),
);

test.each(scripts)('%s finds what it imports from dist', async (script) => {
  const here = new URL(`../../scripts/${script}`, import.meta.url);
  const imports = readFileSync(here, 'utf8').matchAll(
    /import \{([^}]*)\} from '([./]*dist\/[^']*)'/g,
  );
  for (const [, names = '', from = ''] of imports) {
    const exported = Object.keys((await import(new URL(from, here).href)) as object);
    const wanted = names
      .split(',')
      .map((name) => name.trim().split(' as ')[0])
      .filter(Boolean);
    expect(exported).toEqual(expect.arrayContaining(wanted));
  }
});
