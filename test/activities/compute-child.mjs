/** A compute child that notes its tries in the checkpoint folder, dies in the first, and then ends as its input says. */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

process.once('disconnect', () => process.exit(1));
process.once('message', ({ checkpointDir, input: { end } }) => {
  mkdirSync(checkpointDir, { recursive: true });
  const file = join(checkpointDir, 'tries');
  appendFileSync(file, '.');
  const tries = readFileSync(file).length;
  if (tries === 1) process.kill(process.pid, 'SIGKILL');
  else if (end === 'done') process.send({ kind: 'done', output: tries });
  else if (end === 'fault')
    process.send({ kind: 'fault', fault: { code: 'MODEL_LABELS', found: '', fix: '' } });
  // else it works on until nobody wants it
});
