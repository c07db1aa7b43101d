/**
 * `node fake-set-up.mjs FOLDER SECONDS`: three steps that write a file each by a child program; the
 * second one takes SECONDS. Uses the real lock, runner and stamps.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createCommand, endLeftover } from '../../scripts/setup/command.mjs';
import { acquireLock } from '../../scripts/setup/lock.mjs';
import { runSteps } from '../../scripts/setup/run-steps.mjs';

const [root, seconds] = process.argv.slice(2);
const child = join(root, 'child.json');
const step = (name, pause) => ({
  name,
  title: name,
  needs: [],
  hash: () => 'same',
  isPresent: () => existsSync(join(root, name)),
  run: (command) =>
    command('sh', ['-c', `echo "start ${name}" >> journal; sleep ${pause}; echo $$ > ${name}`]),
});
const lock = await acquireLock(root, () => process.stderr.write('waiting\n'));
await endLeftover(child);
await runSteps({
  steps: [step('a', 0), step('b', seconds), step('c', 0)],
  stamps: join(root, 'stamps'),
  command: createCommand({ childFile: child, logs: join(root, 'logs'), root }),
  say: (text) => process.stderr.write(text),
});
lock.release();
