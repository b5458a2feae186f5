import { foldMarks } from '../../../src/persistence/rollback/comparison';
import type { Marks } from '../../../src/persistence/rollback/marks-folder';

/** What a starting process takes over from the marks of others. */
const STATE = {
  ...{ database: 'd', instance: 'now', generation: 2, missing: 0, isReported: false },
  drawn: { action: 5, audit: 9 },
};
const entry = (auditId: number, organizationId = 1) => ({
  organizationId,
  auditId,
  leafHash: Buffer.alloc(32, auditId),
});
const marks = (of: Partial<Marks>): Marks => ({
  ...{ database: 'd', instance: 'now', generation: 2, committed: [], isClosed: false },
  reserved: { action: 1_000, audit: 10_000 },
  ...of,
});

it('takes each commit once, in whatever number of files it is', () => {
  const known = [entry(1), entry(2), entry(2, 7)];
  const others = Array.from({ length: 40 }, () => marks({ committed: known }));
  expect(foldMarks(others, STATE).committed).toEqual(known);
});

it('tells two histories of one audit id apart', () => {
  const other = { ...entry(1), leafHash: Buffer.alloc(32, 9) };
  const others = [marks({ committed: [entry(1)] }), marks({ committed: [other] })];
  expect(foldMarks(others, STATE).committed).toEqual([entry(1), other]);
});

it('takes the highest reservations, and the commits of the newest generation only', () => {
  const others = [
    marks({ generation: 1, committed: [entry(1)], reserved: { action: 3_000, audit: 1 } }),
    marks({ committed: [entry(2)], reserved: { action: 1, audit: 20_000 } }),
  ];
  const { known, committed } = foldMarks(others, STATE);
  expect(known).toMatchObject({ generation: 2, reserved: { action: 3_000, audit: 20_000 } });
  expect(committed).toEqual([entry(2)]);
});

it('counts a server as restarted where any file is of another one', () => {
  expect(foldMarks([marks({}), marks({ instance: 'before' })], STATE).known.instance).toBeNull();
  expect(foldMarks([marks({})], STATE).known.instance).toBe('now');
});
