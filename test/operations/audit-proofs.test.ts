import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openCheckpoint } from '../../src/domain/checkpoint';
import { isConsistent, isIncluded, leafHash } from '../../src/domain/merkle';
import { readNoteKey } from '../../src/domain/signed-note';
import { startGateway, type Gateway } from '../support/gateway';
import { sealingOf, type Sealing } from '../support/sealed-log';
import { python, secondVerdict } from '../support/second-verifier';

/** What an auditor gets from the sealed log: checkpoints, proofs, sums, exports, and an offline verdict. */
let gateway: Gateway;
let sealing: Sealing;
let folder: string;

beforeAll(async () => {
  gateway = await startGateway();
  sealing = sealingOf(gateway.database);
  folder = mkdtempSync(join(tmpdir(), 'countersign-bundle-'));
  await sealing.seal();
  await gateway.rest('POST', '/api/v1/actions/12345/approve', { user: 42, body: { reason: '=1+1, "so"' } });
  await gateway.rest('POST', '/api/v1/actions/12351/approve', { user: 42 });
  await sealing.seal();
});
afterAll(async () => {
  sealing.close();
  rmSync(folder, { recursive: true });
  await gateway.close();
});

const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');
const keys = async () => {
  const { text } = await gateway.rest('GET', '/.well-known/countersign-audit-keys');
  return text
    .trim()
    .split('\n')
    .flatMap((line) => readNoteKey(line) ?? []);
};
const exported = (query: string, options: Parameters<Gateway['rest']>[2] = { user: 1 }) =>
  gateway.rest('GET', `/api/admin/audit-logs/export?${query}`, options);

describe('an analyst', () => {
  it('gets a proof that a decision is in the log, which is valid under the published key', async () => {
    const [entry] = await gateway.database.sql<{ id: number }>(
      `SELECT id FROM audit_log WHERE action_id = 12345 AND action_type = 'action_approved'`,
    );
    const { body } = await gateway.graphql(
      `query ($id: ID!) { auditInclusionProof(auditId: $id) {
         leafIndex leafHash canonical hashes checkpoint { note treeSize rootHash } } }`,
      { user: 4, variables: { id: entry?.id } },
    );
    const proof = body.data.auditInclusionProof;
    const checkpoint = openCheckpoint(proof.checkpoint.note, await keys());
    expect(checkpoint?.origin).toBe('test.example/organizations/1');
    const leaf = leafHash(Buffer.from(proof.canonical));
    expect(leaf.toString('base64')).toBe(proof.leafHash);
    const { treeSize = 0, rootHash = Buffer.alloc(32) } = checkpoint ?? {};
    expect(isIncluded(leaf, proof.leafIndex, treeSize, proof.hashes.map(bytes), rootHash)).toBe(true);
  });

  it('gets none for an entry of another organization, and none for an unknown one', async () => {
    const [theirs] = await gateway.database.sql<{ id: number }>(
      'SELECT min(id) AS id FROM audit_log WHERE organization_id = 2',
    );
    for (const id of [theirs?.id, 999_999_999]) {
      const query = 'query ($id: ID!) { auditInclusionProof(auditId: $id) { leafIndex } }';
      const { body } = await gateway.graphql(query, { user: 4, variables: { id } });
      expect(body).toEqual({ data: { auditInclusionProof: null } });
    }
  });

  it('gets a proof that the log begins with its earlier tree, and is told which sizes exist', async () => {
    const sizes = await gateway.database.sql<{ size: number }>(
      'SELECT tree_size AS size FROM audit_checkpoint WHERE organization_id = 1 ORDER BY 1',
    );
    const [from, to] = [sizes[0]?.size ?? 0, sizes.at(-1)?.size ?? 0];
    const query = `query ($from: SafeInt!, $to: SafeInt!) { auditConsistencyProof(fromSize: $from, toSize: $to) {
      fromRootHash toRootHash hashes } }`;
    const { body } = await gateway.graphql(query, { user: 4, variables: { from, to } });
    const { fromRootHash, toRootHash, hashes } = body.data.auditConsistencyProof;
    expect(isConsistent(from, bytes(fromRootHash), to, bytes(toRootHash), hashes.map(bytes))).toBe(true);
    const beyond = await gateway.graphql(query, { user: 4, variables: { from: to, to: to + 1 } });
    expect(beyond.body.errors[0].extensions).toMatchObject({ code: 'VALIDATION_ERROR' });
  });

  it('gets sums, and may neither verify nor export', async () => {
    const query = '{ auditSummary(groupBy: REVIEWER) { key approved denied refused medianSecondsToDecide } }';
    const { body } = await gateway.graphql(query, { user: 4 });
    expect(body.data.auditSummary).toEqual([
      { key: '42', approved: 1, denied: 0, refused: 1, medianSecondsToDecide: expect.any(Number) as number },
    ]);
    const verified = await gateway.graphql('{ verifyAuditLog { isIntact } }', { user: 4 });
    expect(verified.body.errors[0].extensions.code).toBe('INSUFFICIENT_PERMISSIONS');
    expect((await exported('format=csv', { user: 4 })).status).toBe(403);
    expect((await exported('format=csv', {})).status).toBe(401);
  });

  it('fetches the newest checkpoint as a note', async () => {
    const { text, headers } = await gateway.rest('GET', '/checkpoint', { user: 4 });
    expect(headers.get('content-type')).toMatch(/^text\/plain/);
    expect(openCheckpoint(text, await keys())?.treeSize).toBeGreaterThan(8);
    expect((await gateway.rest('GET', '/checkpoint')).status).toBe(401);
  });

  it('gets a proof of every entry, and from every size on, of a log of many', async () => {
    const ids = await gateway.addActions(Array.from({ length: 70 }, () => 20));
    await gateway.rest('POST', '/api/v1/actions/bulk-approve', { user: 42, body: { action_ids: ids } });
    await sealing.seal();
    const leaves = await gateway.database.sql<{ id: number; hash: Buffer }>(
      'SELECT audit_id AS id, leaf_hash AS hash FROM audit_leaf WHERE organization_id = 1 ORDER BY leaf_index',
    );
    const size = leaves.length;
    const query = `query ($id: ID!, $from: SafeInt!, $to: SafeInt!) {
      auditInclusionProof(auditId: $id) { leafIndex hashes checkpoint { treeSize rootHash } }
      auditConsistencyProof(fromSize: $from, toSize: $to) { fromRootHash toRootHash hashes } }`;
    for (const [index, { id, hash }] of leaves.entries()) {
      const variables = { id, from: index + 1, to: size };
      const { data } = (await gateway.graphql(query, { user: 4, variables })).body;
      const [inclusion, consistency] = [data.auditInclusionProof, data.auditConsistencyProof];
      const [root, proof] = [bytes(inclusion.checkpoint.rootHash), inclusion.hashes.map(bytes)];
      expect(inclusion).toMatchObject({ leafIndex: index, checkpoint: { treeSize: size } });
      expect(isIncluded(hash, index, size, proof, root)).toBe(true);
      const steps = consistency.hashes.map(bytes);
      expect(consistency.toRootHash).toBe(inclusion.checkpoint.rootHash);
      expect(isConsistent(index + 1, bytes(consistency.fromRootHash), size, root, steps)).toBe(true);
    }
    expect(size).toBeGreaterThan(70);
  });
});

describe('an admin', () => {
  it('has the log recomputed, with its progress line by line', async () => {
    const query = '{ verifyAuditLog { isIntact faultCount treeSize entries } }';
    const { body } = await gateway.graphql(query, { user: 1 });
    expect(body.data.verifyAuditLog).toMatchObject({ isIntact: true, faultCount: 0 });
    const { text } = await gateway.rest('GET', '/api/admin/audit-logs/verify', { user: 1 });
    const last = JSON.parse(text.trim().split('\n').at(-1) ?? '') as { report: object };
    expect(last.report).toMatchObject({ faultCount: 0, treeSize: body.data.verifyAuditLog.treeSize });
  });

  it('exports records line by line, which is an entry itself, gzipped where that is accepted', async () => {
    const { body } = await gateway.rest('GET', '/api/admin/audit-logs?limit=1000', { user: 1 });
    const plain = await exported('format=jsonl', { user: 1, headers: { 'accept-encoding': 'identity' } });
    const lines = plain.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { action_type: string });
    expect(lines.slice(0, -1)).toEqual(body.logs.reverse());
    expect(lines.at(-1)).toMatchObject({ action_type: 'audit_exported', user_id: 1 });
    const response = await fetch(`${gateway.url}/api/admin/audit-logs/export`, {
      headers: { authorization: `Bearer ${gateway.token(1)}`, 'accept-encoding': 'gzip' },
    });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect((await response.text()).length).toBeGreaterThan(plain.text.length);
  });

  it('gets CSV that no spreadsheet runs', async () => {
    const { text, headers } = await exported('format=csv');
    expect(headers.get('content-type')).toMatch(/^text\/csv/);
    expect(text).toContain(`"'=1+1, ""so"""`);
    expect(text.split('\r\n')[0]).toMatch(/^audit_id,action_type,user_id,organization_id,timestamp/);
  });

  it('is told of an unknown format', async () => {
    const { status, body } = await exported('format=xml&from=never');
    expect([status, body.errors.map(({ loc }: { loc: string[] }) => loc.at(-1))]).toEqual([
      422,
      ['format', 'from'],
    ]);
  });
});

describe('an outsider with a bundle', () => {
  const verify = (...args: string[]) =>
    spawnSync(process.execPath, [join(__dirname, '..', '..', 'bin', 'countersign-verify.cjs'), ...args], {
      encoding: 'utf8',
    });

  it('verifies it offline: exit code 0, and 1 once a byte is changed', async () => {
    await sealing.seal();
    const { text } = await exported('format=bundle');
    const [bundle, forged, published] = ['bundle.jsonl', 'forged.jsonl', 'keys'].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    writeFileSync(bundle, text);
    writeFileSync(published, (await gateway.rest('GET', '/.well-known/countersign-audit-keys')).text);
    writeFileSync(forged, text.replace('approved by user 42', 'approved by user 43'));
    // The export's own entry is sealed by now: what is archived reaches beyond the bundle's tree, and is not compared
    // with it.
    await sealing.seal();
    const archive = join(sealing.folder, 'organization-1.checkpoints');
    const good = verify(
      bundle,
      '--key',
      published,
      '--checkpoint',
      archive,
      '--require',
      'whole,sealed,anchored',
    );
    expect([good.stdout, good.status]).toEqual([expect.stringContaining('OK: everything agrees'), 0]);
    const bad = verify(forged, '--json');
    expect(bad.status).toBe(1);
    const kinds = (JSON.parse(bad.stdout) as { faults: { kind: string }[] }).faults.map(({ kind }) => kind);
    expect(kinds).toContain('BYTES_ALTERED');
    expect(verify(join(folder, 'absent')).status).toBe(1);
    expect(verify().status).toBe(2);
  });

  it('gets the same verdict from an independent verifier in Python, written from docs/audit-format.md', async () => {
    if (python === null) {
      console.warn('skipped the second verifier: there is no python3');
      return;
    }
    const published = (await gateway.rest('GET', '/.well-known/countersign-audit-keys')).text;
    const { text } = await exported('format=bundle');
    const otherSignature = (_: string, start: string, one: string) => `${start}${one === 'A' ? 'B' : 'A'}`;
    expect(secondVerdict(text, published)).toEqual(['OK']);
    const forgeries: [string, string][] = [
      [text.replace('approved by user 42', 'approved by user 43'), 'BYTES_ALTERED'],
      [text.replace('"v\\":1,', '"v\\": 1,'), 'NOT_CANONICAL'],
      [text.replace('"status":"approved"', '"status":"denied"'), 'DECISION_DIFFERS'],
      [text.replace(/(\u2014 test.example ......)(.)/u, otherSignature), 'CHECKPOINT_NOT_SIGNED'],
    ];
    const keys = join(folder, 'published-keys');
    writeFileSync(keys, published);
    for (const [forged, kind] of forgeries) {
      const file = join(folder, 'forged-again.jsonl');
      writeFileSync(file, forged);
      const { faults } = JSON.parse(verify(file, '--key', keys, '--json').stdout) as {
        faults: { kind: string }[];
      };
      const kinds = [...new Set(faults.map((fault) => fault.kind))].sort();
      expect(kinds).toContain(kind);
      expect([...new Set(secondVerdict(forged, published))].sort()).toEqual(kinds);
    }
  });

  it('calls it from a folder of their own, whatever TypeScript settings are there', async () => {
    writeFileSync(join(folder, 'tsconfig.json'), 'this is no JSON');
    writeFileSync(join(folder, 'elsewhere.jsonl'), (await exported('format=bundle')).text);
    const command = join(__dirname, '..', '..', 'bin', 'countersign-verify.cjs');
    const { stdout, status } = spawnSync(process.execPath, [command, 'elsewhere.jsonl', '--unanchored'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect([stdout, status]).toEqual([expect.stringContaining('OK: everything agrees'), 0]);
  });

  it('needs neither a database driver nor a network for it: none of its imports leads there', () => {
    expect(packagesBehind(join(__dirname, '..', '..', 'src', 'cli', 'audit-verify.ts')).sort()).toEqual([
      ...['node:crypto', 'node:fs', 'node:stream', 'node:util', 'node:zlib', 'zod'],
    ]);
  });
});

/** What a file and all its imports, except type imports, take from outside the project. */
function packagesBehind(path: string, seen = new Set<string>()): string[] {
  if (seen.has(path)) return [];
  seen.add(path);
  const text = readFileSync(path, 'utf8');
  expect(text).not.toMatch(/\b(require|import)\(/);
  const names = [...text.matchAll(/^(?:import|export)(?! type)(?:(?!;)[\s\S])*? from '([^']+)';/gm)].map(
    ([, name = '']) => name,
  );
  const found = names.flatMap((name) =>
    name.startsWith('.') ? packagesBehind(`${join(dirname(path), name)}.ts`, seen) : [name],
  );
  return [...new Set(found)];
}
