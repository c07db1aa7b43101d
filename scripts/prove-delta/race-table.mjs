/** The table of the race. */
export const RACE_SCHEMA = {
  name: 'race',
  columns: [
    { name: 'slot', type: 'string' },
    { name: 'job', type: 'long' },
    { name: 'id', type: 'long' },
  ],
  partitionColumns: ['slot'],
  statsColumns: ['id'],
};

/** Rows of one append. */
export const ROWS = 20;
