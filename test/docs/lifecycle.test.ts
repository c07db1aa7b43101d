import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { DEFAULT_POLICY } from '../../contracts/lifecycle-policy.js';
import { lifecyclePolicy } from '../../contracts/schemas/lifecycle-policy.js';

test('the policy in the documentation is the default, with its frozen window', async () => {
  const text = await readFile('docs/lifecycle.md', 'utf8');
  const [, block = ''] = /## Policy[^]*?```json\n([^]*?)```/.exec(text) ?? [];
  const { frozen, ...shown } = lifecyclePolicy.parse(JSON.parse(block));
  expect(frozen).toHaveLength(1);
  expect({ ...shown, frozen: [] }).toEqual(DEFAULT_POLICY);
});

test('what a policy leaves out is the default', () => {
  expect(lifecyclePolicy.parse({})).toEqual(DEFAULT_POLICY);
});
