import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { authorityFile, CertificateAuthority, LEAF_DAYS, renewInMs, requirePair } from './certificates.js';
import { integer, ipBytes, oid } from './der.js';

const HOSTS = ['localhost', 'master.example', '127.0.0.1', '::1', 'fe80::1:2'];
const DAY_MS = 24 * 3_600_000;

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'mezzo-ca-'))));
afterEach(() => rmSync(dir, { recursive: true }));

test('the authority is made once, and only its certificate is public', () => {
  const first = CertificateAuthority.of(join(dir, 'secrets'));
  const again = CertificateAuthority.of(join(dir, 'secrets'));
  expect(again.cert).toBe(first.cert);
  expect(readFileSync(authorityFile(join(dir, 'secrets')), 'utf8')).toBe(first.cert);
  expect(first.cert).not.toContain('PRIVATE');
  expect(statSync(join(dir, 'secrets', 'ca.key')).mode & 0o777).toBe(0o600);
  const cert = new X509Certificate(first.cert);
  expect([cert.ca, cert.verify(cert.publicKey), cert.checkIssued(cert)]).toEqual([true, true, true]);
});

test('what it issues is good for the hosts that were named, and no others', () => {
  const authority = CertificateAuthority.of(dir);
  const issued = authority.issue('master', HOSTS);
  const cert = new X509Certificate(issued.cert);
  const ca = new X509Certificate(authority.cert);
  expect([cert.checkIssued(ca), cert.verify(ca.publicKey), cert.ca]).toEqual([true, true, false]);
  for (const host of HOSTS) expect(cert.checkHost(host) ?? cert.checkIP(host), host).toBe(host);
  expect([cert.checkHost('other.example'), cert.checkIP('127.0.0.2')]).toEqual([undefined, undefined]);
  expect(() => requirePair(issued)).not.toThrow();
  expect(() => requirePair({ ...issued, key: authority.issue('b', []).key })).toThrow(/not that of the certificate/);
  const days = (Date.parse(cert.validTo) - Date.now()) / DAY_MS;
  expect(Math.round(days)).toBe(LEAF_DAYS);
  expect(Math.round(renewInMs(issued.cert) / DAY_MS)).toBe(LEAF_DAYS / 2);
  expect(authority.issue('master', HOSTS).cert).not.toBe(issued.cert);
});

test('openssl agrees', ({ skip }) => {
  if (spawnSync('openssl', ['version']).status !== 0) skip('there is no openssl here');
  const authority = CertificateAuthority.of(dir);
  writeFileSync(join(dir, 'leaf.pem'), authority.issue('agent', HOSTS).cert);
  const run = (...args: string[]) => spawnSync('openssl', args, { cwd: dir, encoding: 'utf8' });
  for (const purpose of ['sslserver', 'sslclient']) {
    const { stdout, stderr } = run('verify', '-x509_strict', '-purpose', purpose, '-CAfile', 'ca.pem', 'leaf.pem');
    expect(stdout + stderr).toBe('leaf.pem: OK\n');
  }
  expect(run('x509', '-in', 'leaf.pem', '-noout', '-text').stdout).toMatch(
    /DNS:localhost, DNS:master.example, IP Address:127.0.0.1/,
  );
});

test('a client that trusts the authority reaches a server with its certificate; one that does not, does not', async () => {
  const authority = CertificateAuthority.of(dir);
  const server = createServer(
    { ...authority.issue('master', ['127.0.0.1']), ca: authority.cert, requestCert: true },
    (_, response) => response.end('hello'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const get = (options: object) =>
    new Promise<string>((resolve, reject) =>
      request({ host: '127.0.0.1', port, agent: false, ...options }, (answer) =>
        answer.on('data', (data: Buffer) => resolve(data.toString())),
      )
        .on('error', reject)
        .end(),
    );
  expect(await get({ ca: authority.cert, ...authority.issue('agent', []) })).toBe('hello');
  await expect(get({})).rejects.toThrow();
  await expect(get({ ca: authority.cert })).rejects.toThrow();
  server.close();
});

test('numbers and names are written as DER wants them', () => {
  expect(oid('1.2.840.10045.4.3.2').toString('hex')).toBe('06082a8648ce3d040302');
  expect(integer(Buffer.from([0, 0])).toString('hex')).toBe('020100');
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 130n }), (value) => {
      const hex = value.toString(16).padStart(34, '0');
      const [tag, size, ...content] = integer(Buffer.from(hex, 'hex'));
      expect([tag, content.length, content[0]! < 0x80]).toEqual([0x02, size, true]);
      expect(BigInt(`0x${Buffer.from(content).toString('hex')}`)).toBe(value);
      if (content.length > 1) expect(content[0] !== 0 || content[1]! >= 0x80).toBe(true);
    }),
  );
  expect(ipBytes('fe80::1:2').toString('hex')).toBe('fe800000000000000000000000010002');
  expect(ipBytes('::').toString('hex')).toBe('0'.repeat(32));
});
