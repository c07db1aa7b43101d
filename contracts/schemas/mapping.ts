/**
 * How the files of another exporter are read: a mapping file, as data. It names columns, units, how lists are
 * written and where the label comes from; what comes out is checked as the rows of any flow file.
 */
import { z } from 'zod';

const columnName = z.string().min(1);

/** Where the value of one raw column comes from; a text is the name of a column that is taken as it is. */
export const mappedValue = z.union([
  columnName,
  z.strictObject({
    column: columnName,
    /** Of a number: a time since 1970, or a duration. */
    unit: z.enum(['us', 'ms', 's']).optional(),
    /** The flag is this bit of a number, 0 the lowest. */
    bit: z.int().min(0).max(30).optional(),
    /** The flag is set when the number is above 0. */
    positive: z.literal(true).optional(),
    /** Other words for values. */
    values: z.record(z.string(), z.string()).optional(),
    /** For values that `values` does not have. Without it they stay as they are. */
    otherwise: z.string().optional(),
    /** For no value. */
    empty: z.string().optional(),
  }),
  z.strictObject({ constant: z.string() }),
  /** Computed: `times` gives DURATION, `ppi` the columns that follow from the packets. */
  z.strictObject({ from: z.enum(['times', 'ppi']) }),
]);

const numberList = z.strictObject({
  column: columnName,
  values: z.record(z.string(), z.string()).optional(),
});

/** The mapping of one exporter. */
export const flowMapping = z.strictObject({
  name: z.string().min(1),
  /** What the file is, for people. */
  description: z.string().optional(),
  /** `typed`: a type stands before each name, as in `uint64 BYTES`. */
  header: z.enum(['names', 'typed']),
  /** How lists are written; brackets may stand around them. */
  lists: z.strictObject({
    separator: z.string().length(1),
    /** A value that fills lists up and is left out. */
    padding: z.string().optional(),
  }),
  /** By name of the raw column. */
  columns: z.record(z.string(), mappedValue),
  /** The packets, one list a column; left out when `columns` has PPI. The first 30 are used. */
  ppi: z
    .strictObject({
      times: z.union([
        z.strictObject({ column: columnName, as: z.literal('times') }),
        z.strictObject({
          column: columnName,
          as: z.literal('gaps'),
          unit: z.enum(['us', 'ms', 's']),
        }),
      ]),
      directions: numberList,
      sizes: numberList,
      push: z
        .strictObject({ column: columnName, bit: z.int().min(0).max(30).optional() })
        .optional(),
      /** Leave out packets of 0 bytes; their time counts to the next. */
      withoutEmpty: z.boolean().optional(),
    })
    .optional(),
});

/** See `flowMapping`. */
export type FlowMapping = z.infer<typeof flowMapping>;

/** See `mappedValue`. */
export type MappedValue = z.infer<typeof mappedValue>;
