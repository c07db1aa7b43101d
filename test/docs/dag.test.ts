import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { TRIGGER_RULES, type TaskState } from '../../contracts/states.js';
import { decide, type Verdict } from '../../dag/trigger-rules.js';
import { diagnosticsOf } from '../types/compile.js';

const doc = readFileSync(new URL('../../docs/dag.md', import.meta.url), 'utf8');
const PRELUDE = `
import { activities, dag, nativeWorkflow } from '../../dag/declare.js';
import { oneOf, param, required } from '../../dag/param.js';
import { present, product, text } from '../../dag/reference.js';
import { act, d, inner } from './dag-snippets.js';
`;

const STATES: readonly (readonly [string, TaskState])[] = [
  ['S', 'success'],
  ['F', 'failed'],
  ['U', 'upstream_failed'],
  ['K', 'skipped'],
  ['–', 'running'],
];
const WORDS: Record<Verdict, string> = {
  run: 'run',
  wait: 'wait',
  skipped: 'skip',
  upstream_failed: 'fail',
};

/** Every rule against every pair of upstream states; only the first of the two is a setup. */
function truthTable(): string {
  const pairs = STATES.flatMap((a, index) => STATES.slice(index).map((b) => [a, b] as const));
  const head = ['rule', ...pairs.map(([[a], [b]]) => `${a} ${b}`)];
  const rows = TRIGGER_RULES.map((rule) => [
    `\`${rule}\``,
    ...pairs.map(([[, a], [, b]]) => {
      const upstream = [a, b].map((state, index) => ({
        id: `t${index}`,
        states: [state],
        setup: rule === 'all_done_setup_success' && index === 0,
      }));
      return WORDS[decide(rule, upstream)];
    }),
  ]);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

describe('docs/dag.md', () => {
  it('shows what each trigger rule makes of its upstream tasks', () => {
    const [, table = ''] =
      /<!-- trigger rules.*-->\n([^]*)<!-- end of trigger rules -->/.exec(doc) ?? [];
    const cells = (text: string): string => text.replace(/ +/g, ' ').replace(/-+/g, '---').trim();
    expect(cells(table)).toBe(cells(truthTable()));
  });

  it('holds snippets that compile', () => {
    const folder = fileURLToPath(new URL('.', import.meta.url));
    const snippets = [...doc.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = '']) => code);
    const files = new Map(
      snippets.map((code, index) => [`${folder}dag-snippet-${index}.ts`, PRELUDE + code]),
    );
    expect(snippets.length).toBeGreaterThan(10);
    const faults = [...diagnosticsOf(files)].filter(([, messages]) => messages.length > 0);
    expect(faults).toEqual([]);
  });
});
