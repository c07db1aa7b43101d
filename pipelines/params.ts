/** Parameters that several DAGs have: values with a schema, given by whoever starts a run. */
import { z } from 'zod';
import type { JsonObject } from '../contracts/json.js';
import {
  preset,
  rejectedLimit,
  retraining,
  split,
  type Preset,
  type Retraining,
  type Split,
} from '../contracts/schemas/values.js';
import { param, required, type Param } from '../dag/param.js';

/** Training settings. `up` hands over its preset file as the installation's default. */
export const presetParam: Param<Preset> = required(
  schemaOf(preset, 'Training settings, from a preset file'),
);

/** What each part of the data is used for. */
export const splitParam: Param<Split> = required(
  schemaOf(split, 'What each part of the data is used for'),
);

/** Which flows a retraining may use: by default those up to the end of its partition. */
export const retrainingParam: Param<Retraining> = param<Retraining>(
  { endMs: null, notBeforeMs: null, afterSchemaBreak: false },
  schemaOf(retraining, 'Which flows a retraining may use; times in ms since 1970'),
);

/** How the files of another exporter are read. */
export const mappingParam: Param<string> = param('', {
  description: 'Mapping file for flows of another exporter, absolute; empty for flow files',
});

/** With more rejected rows than this a file is not stored, and the run fails. */
export const maxRejectedParam: Param<string> = param('100%', {
  description: 'Rejected rows that a file may have: a number, or a share such as 1%',
  pattern: String(z.toJSONSchema(rejectedLimit).pattern),
});

/** Of DAGs that take in new files and watch what came. */
export const arrivalParams = {
  input: param('', { description: 'Folder of raw flow files' }),
  preset: presetParam,
  mapping: mappingParam,
  maxRejected: maxRejectedParam,
};

function schemaOf(schema: z.ZodType, description: string): JsonObject {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return { description, ...(rest as JsonObject) }; // a schema is JSON
}
