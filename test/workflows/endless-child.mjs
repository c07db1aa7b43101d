// A compute child in the middle of a native call: its event loop never turns again.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

process.once('message', ({ stagingDir }) => {
  writeFileSync(join(stagingDir, 'pid'), String(process.pid));
  for (;;);
});
