import { expect, test } from 'vitest';
import type { Session } from '../../feature-store/duckdb.js';
import { aHome } from './store-builders.js';

const FAILS_MIDWAY = `SELECT CASE WHEN i = 200000 THEN error('stop') ELSE i::VARCHAR END FROM range(300000) t(i)`;

async function countStreamed(session: Session, sql: string): Promise<number> {
  let rows = 0;
  for await (const chunk of (await session.stream(sql)).chunks) rows += chunk.rowCount;
  return rows;
}

test.each([false, true])(
  'a stream that fails after its first rows is an error (transaction open before: %s)',
  async (isOpen) => {
    const { db } = await aHome();
    await db.session(async (session) => {
      if (isOpen) await session.begin();
      expect(await countStreamed(session, 'FROM range(300000)')).toBe(300_000);
      expect(await countStreamed(session, 'FROM range(0)')).toBe(0);
      await expect(countStreamed(session, FAILS_MIDWAY)).rejects.toMatchObject({
        code: 'STORE_QUERY_FAILED',
      });
      if (isOpen) await session.rollback();
      expect(await countStreamed(session, 'FROM range(7)')).toBe(7);
    });
  },
);
