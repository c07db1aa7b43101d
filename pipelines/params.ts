/** Parameters that several DAGs have: values with a schema, given by whoever starts a run. */
import { z } from 'zod';
import type { JsonObject } from '../contracts/json.js';
import { preset, split, type Preset, type Split } from '../contracts/schemas/values.js';
import { required, type Param } from '../dag/param.js';

/** Training settings. `up` hands over its preset file as the installation's default. */
export const presetParam: Param<Preset> = required(
  schemaOf(preset, 'Training settings, from a preset file'),
);

/** What each part of the data is used for. */
export const splitParam: Param<Split> = required(
  schemaOf(split, 'What each part of the data is used for'),
);

function schemaOf(schema: z.ZodType, description: string): JsonObject {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return { description, ...(rest as JsonObject) }; // a schema is JSON
}
