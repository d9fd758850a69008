import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority } from '@mezzo/sdk/secrets';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assertMayListen } from '../http/listen.js';
import { loadFlags } from './flags.js';
import { DaemonTls } from './tls.js';
import { tlsFlags } from './tls-flags.js';

let dir: string;
let told: string[];
const log = {
  debug: () => {},
  info: (message: string) => void told.push(message),
  warn: () => {},
  error: (message: string) => void told.push(message),
  child: () => log,
};
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-tls-'));
  told = [];
});
afterEach(() => rmSync(dir, { recursive: true }));

const load = (argv: string[], env: Record<string, string> = {}) => loadFlags(tlsFlags, { argv, env });
const tlsOf = (argv: string[], env: Record<string, string> = {}) =>
  DaemonTls.of(load(argv, env), { secretsDir: join(dir, 'secrets'), name: 'master', hosts: ['localhost'], log });

function files(name: string) {
  const { cert, key } = CertificateAuthority.of(join(dir, 'other')).issue(name, ['localhost']);
  writeFileSync(join(dir, 'cert.pem'), cert);
  writeFileSync(join(dir, 'key.pem'), key);
  return { cert, key, args: ['--tls', `--tls_cert_file=${dir}/cert.pem`, `--tls_key_file=${dir}/key.pem`] };
}

test('without --tls there is none; with it the cluster makes its own certificate', () => {
  expect(tlsOf([])).toBeUndefined();
  const tls = tlsOf(['--tls'])!;
  expect(tls.caFile).toBe(join(dir, 'secrets', 'ca.pem'));
  expect(tls.client).toMatchObject({
    ca: CertificateAuthority.of(join(dir, 'secrets')).cert,
    rejectUnauthorized: true,
  });
  tls.close();
});

test("Mesos' variables are heeded, and a flag goes before them", () => {
  const { cert } = files('given');
  const env = {
    LIBPROCESS_SSL_ENABLED: '1',
    LIBPROCESS_SSL_CERT_FILE: `${dir}/cert.pem`,
    LIBPROCESS_SSL_KEY_FILE: `${dir}/key.pem`,
    LIBPROCESS_SSL_CA_FILE: `${dir}/other/ca.pem`,
    LIBPROCESS_SSL_REQUIRE_CERT: 'true',
    LIBPROCESS_SSL_VERIFY_CERT: '0',
    LIBPROCESS_SSL_SUPPORT_DOWNGRADE: '1',
    LIBPROCESS_SSL_CIPHERS: 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384',
  };
  const tls = tlsOf([], env)!;
  expect(tls.listenOptions).toMatchObject({ identity: { cert }, requireClientCert: true, allowHttp: true });
  expect(tls.listenOptions.ciphers).toBe(env.LIBPROCESS_SSL_CIPHERS);
  expect(tls.client.rejectUnauthorized).toBe(false);
  expect(tls.caFile).toBe(`${dir}/other/ca.pem`);
  tls.close();
  expect(tlsOf(['--no-tls'], env)).toBeUndefined();
});

test('certificates that cannot be used are refused, and the file is named', () => {
  const { args } = files('a');
  expect(() => tlsOf([...args, '--tls_ciphers=NONSENSE'])).toThrow(/--tls_ciphers: 'NONSENSE' names none/);
  expect(() => tlsOf(args.slice(0, 2))).toThrow(/--tls_key_file is required/);
  expect(() => tlsOf([...args.slice(0, 2), '--tls_key_file=/nope'])).toThrow(/cannot use \/nope for TLS/);
  writeFileSync(join(dir, 'key.pem'), CertificateAuthority.of(join(dir, 'other')).issue('b', []).key);
  expect(() => tlsOf(args)).toThrow(/cert.pem with .*key.pem for TLS: the key is not that of the certificate/);
  writeFileSync(join(dir, 'cert.pem'), 'junk');
  expect(() => tlsOf(args)).toThrow(/cert.pem/);
});

test('what the files hold later is taken up; what cannot be used is told, and the old goes on', () => {
  const before = files('before');
  const tls = tlsOf(before.args)!;
  const seen: string[] = [];
  tls.onRenewal(({ cert }) => void seen.push(cert));
  writeFileSync(join(dir, 'cert.pem'), 'junk');
  tls.reload();
  expect([seen, tls.client.cert]).toEqual([[], before.cert]);
  expect(told.at(-1)).toMatch(/the new certificate cannot be used: .*cert.pem/);
  const after = files('after');
  tls.reload();
  expect([seen, tls.client.cert]).toEqual([[after.cert], after.cert]);
  tls.close();
});

test('off loopback both TLS and credentials are wanted, or neither in so many letters', () => {
  const guards = (tls: boolean, credentials: boolean, insecure = false) => ({ tls, credentials, insecure });
  const why = (ip: string, given: ReturnType<typeof guards>): string => {
    try {
      assertMayListen(ip, given);
      return 'fine';
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(why('127.0.0.1', guards(false, false))).toBe('fine');
  expect(why('0.0.0.0', guards(false, false))).toBe('refusing to serve 0.0.0.0 without TLS and credentials');
  expect(why('10.0.0.1', guards(true, false))).toBe('refusing to serve 10.0.0.1 without credentials');
  expect(why('10.0.0.1', guards(false, true))).toBe('refusing to serve 10.0.0.1 without TLS');
  expect(why('10.0.0.1', guards(true, true))).toBe('fine');
  expect(why('10.0.0.1', guards(false, false, true))).toBe('fine');
});
