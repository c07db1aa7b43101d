/** `MODULE FOLDER CHECKPOINTS`: trains as request.bin in FOLDER says, tells each epoch, and saves the model beside its checkpoints. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deserialize } from 'node:v8';

const [module, folder, checkpointDir] = process.argv.slice(2);
const { trainTwoBranch } = await import(module);
const request = deserialize(await readFile(join(folder, 'request.bin')));
process.send('loaded');
const { model, history } = await trainTwoBranch({
  ...request,
  checkpointDir,
  onEpoch: ({ epoch }) => process.send(epoch),
});
await model.save(join(checkpointDir, 'model'));
process.send({ history });
process.disconnect();
