import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StoreEntry } from '../contract/index.js';
import { readBackup, writeBackup, type BackupHeader } from './format.js';

const header = (count: number): BackupHeader => ({
  ...{ mezzoBackup: 1, store: 1, cluster: 'c', epoch: 3, sequence: 9, time: '2026-01-02T03:04:05.000Z', count },
});
const FEW = ['a', 'b', 'c'].map((key) => ({ key, value: `value of ${key}`, version: 7 }));

async function bytesOf(entries: readonly StoreEntry[], head: object = header(entries.length)): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of writeBackup(head as BackupHeader, entries)) parts.push(part);
  return Buffer.concat(parts);
}
async function read(bytes: Buffer, pieceBytes = bytes.length) {
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, n) =>
    bytes.subarray(n * pieceBytes, (n + 1) * pieceBytes),
  );
  const entries: StoreEntry[] = [];
  const end = await readBackup(Readable.from(pieces), 'x.backup', { entry: (entry) => entries.push(entry) });
  return { ...end, entries };
}
const refusal = (bytes: Buffer) => read(bytes).catch((error: { code: string; message: string }) => error);

test('what is read is what was written, whatever its text, cut up in any way', async () => {
  const entries = fc
    .uniqueArray(fc.record({ key: fc.string({ unit: 'binary', minLength: 1, maxLength: 50 }), value: fc.string() }), {
      selector: ({ key }) => key,
    })
    .map((all) => all.sort((a, b) => (a.key < b.key ? -1 : 1)).map((one) => ({ ...one, version: 5 })));
  await fc.assert(
    fc.asyncProperty(entries, fc.integer({ min: 1, max: 40 }), async (written, pieceBytes) => {
      const found = await read(await bytesOf(written), pieceBytes);
      expect(found).toMatchObject({ ...header(written.length), entries: written });
    }),
    { numRuns: 50 },
  );
});

test('entries of any size pass, and of many no more than a batch is in hand', async () => {
  const entries = [
    { key: 'big', value: 'x'.repeat(16 << 20), version: 1 },
    ...Array.from({ length: 20_000 }, (_, n) => ({
      key: `n/${String(n).padStart(6, '0')}`,
      value: 'v'.repeat(100),
      version: 2,
    })),
  ];
  let largest = 0;
  for await (const part of writeBackup(header(entries.length), entries.slice(1)))
    largest = Math.max(largest, part.length);
  expect(largest).toBeLessThan(300_000);
  expect((await read(await bytesOf(entries), 65_536)).entries).toEqual(entries);
});

test('a file that is cut off anywhere, or has one byte changed, is refused', async () => {
  const bytes = await bytesOf(FEW);
  for (let at = 0; at < bytes.length; at++) {
    expect(await refusal(bytes.subarray(0, at))).toMatchObject({ code: 'BACKUP_DAMAGED' });
    const other = Buffer.from(bytes);
    other[at]! ^= 1;
    expect(['BACKUP_DAMAGED', 'BACKUP_TOO_NEW']).toContain(((await refusal(other)) as { code: string }).code);
  }
});

test.each([
  ['a newer format', { mezzoBackup: 2 }, FEW, /x\.backup has format 2; this version reads 1/],
  ['what is none', { mezzoBackup: undefined }, FEW, /line 1: it is no backup of Mezzo/],
  ['an odd number', { sequence: -1 }, FEW, /line 1: sequence is -1, not a number from 0 on/],
  ['an odd time', { time: 'noon' }, FEW, /line 1: time is "noon"/],
  ['fewer entries than it says', { count: 4 }, FEW, /line 5: the key is missing/],
  ['more entries than it says', { count: 2 }, FEW, /line 4: sha256 is missing/],
  ['a key twice', {}, [FEW[0]!, FEW[0]!], /line 3: the key "a" comes after "a"/],
  ['no key', {}, [{ key: '', value: '', version: 1 }], /line 2: the key is "", not a text of 1 to 512 bytes/],
  ['a version that is none', {}, [{ key: 'a', value: '', version: 10 }], /line 2: the version of "a" is 10/],
])('%s is refused by its line, field and value', async (_what, change, entries, words) => {
  const bytes = await bytesOf(entries, { ...header(entries.length), ...change });
  expect(((await refusal(bytes)) as { message: string }).message).toMatch(words);
});
