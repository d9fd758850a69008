import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { hostname } from 'node:os';
import { createSecureContext } from 'node:tls';
import { MezzoError, messageOf, type Logger } from '@mezzo/sdk/contract';
import { authorityFile, CertificateAuthority, renewInMs, requirePair } from '@mezzo/sdk/secrets';
import type { TlsIdentity, TlsListenOptions } from '../http/tls-listener.js';
import { publicAddress } from '../shell/agent/host-facts.js';
import type { FlagValues } from './flags.js';
import type { tlsFlags } from './tls-flags.js';

export type TlsFlags = FlagValues<typeof tlsFlags>;

/** How clients of this daemon reach others. */
export interface TlsClient {
  readonly ca: string | undefined;
  readonly cert: string;
  readonly key: string;
  readonly rejectUnauthorized: boolean;
}

export interface TlsSite {
  readonly secretsDir: string;
  /** In certificates that the daemon makes for itself. */
  readonly name: string;
  readonly hosts: readonly string[];
  readonly log: Logger;
}

function assertCiphers(ciphers: string | undefined): void {
  try {
    if (ciphers !== undefined) createSecureContext({ ciphers });
  } catch (cause) {
    throw new MezzoError('INVALID_FLAG', `flag --tls_ciphers: '${ciphers}' names none that there is`, {
      blame: 'operator',
      next: 'name some as `openssl ciphers` lists them, with colons between',
      cause,
    });
  }
}

const LOOK_EVERY_MS = 5000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The certificate that a daemon shows, from files or of its own making, kept fresh while it runs. */
export class DaemonTls {
  private current: TlsIdentity;
  private readonly files: readonly string[];
  private readonly listeners = new Set<(identity: TlsIdentity) => void>();
  private renewal: NodeJS.Timeout | undefined;

  private constructor(
    private readonly flags: TlsFlags,
    private readonly site: TlsSite,
  ) {
    const { tls_cert_file: cert, tls_key_file: key, tls_ca_file: ca } = flags;
    if ((cert === undefined) !== (key === undefined)) {
      const missing = cert === undefined ? 'tls_cert_file' : 'tls_key_file';
      throw new MezzoError('INVALID_FLAG', `flag --${missing} is required`, {
        blame: 'operator',
        next: 'name certificate and key, or neither: then the cluster makes its own',
      });
    }
    assertCiphers(flags.tls_ciphers);
    this.files = [cert, key, ca].filter((file) => file !== undefined);
    this.current = this.load();
    for (const file of this.files) watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, this.reload);
    this.scheduleRenewal();
  }

  /** Undefined without --tls. Throws INVALID_FLAG and TLS_UNUSABLE, which names the file. */
  static of(flags: TlsFlags, site: TlsSite): DaemonTls | undefined {
    return flags.tls ? new DaemonTls(flags, site) : undefined;
  }

  get listenOptions(): TlsListenOptions {
    return {
      identity: this.current,
      requireClientCert: this.flags.tls_require_client_cert,
      allowHttp: this.flags.tls_allow_http,
      ciphers: this.flags.tls_ciphers,
    };
  }

  get client(): TlsClient {
    const { cert, key, ca } = this.current;
    return { ca, cert, key, rejectUnauthorized: this.flags.tls_verify_server_cert };
  }

  /** What others need to trust this cluster's daemons; undefined = what their system trusts. */
  get caFile(): string | undefined {
    return this.flags.tls_ca_file ?? (this.isOwn ? authorityFile(this.site.secretsDir) : undefined);
  }

  onRenewal(listener: (identity: TlsIdentity) => void): void {
    this.listeners.add(listener);
  }

  /** Takes up what the files hold now; what cannot be used is logged, and the old goes on. */
  readonly reload = (): void => {
    try {
      const next = this.load();
      for (const listener of this.listeners) listener(next);
      this.current = next;
      this.site.log.info('the certificate was renewed', { files: this.files });
    } catch (error) {
      this.site.log.error(`the new certificate cannot be used: ${messageOf(error)}`);
    }
    this.scheduleRenewal();
  };

  close(): void {
    for (const file of this.files) unwatchFile(file, this.reload);
    clearTimeout(this.renewal);
  }

  private get isOwn(): boolean {
    return this.flags.tls_cert_file === undefined;
  }

  private load(): TlsIdentity {
    const { tls_cert_file: certFile, tls_key_file: keyFile, tls_ca_file: caFile } = this.flags;
    const given = caFile === undefined ? undefined : read(caFile);
    if (certFile === undefined || keyFile === undefined) {
      const authority = CertificateAuthority.of(this.site.secretsDir);
      return { ...authority.issue(this.site.name, this.site.hosts), ca: given ?? authority.cert };
    }
    const identity = { cert: read(certFile), key: read(keyFile), ...(given !== undefined && { ca: given }) };
    try {
      requirePair(identity);
      createSecureContext(identity);
    } catch (cause) {
      throw unusable(`${certFile} with ${keyFile}`, cause);
    }
    return identity;
  }

  private scheduleRenewal(): void {
    clearTimeout(this.renewal);
    if (!this.isOwn) return;
    this.renewal = setTimeout(this.reload, Math.min(renewInMs(this.current.cert), LONGEST_TIMER_MS));
    this.renewal.unref();
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw unusable(file, cause);
  }
}

const unusable = (what: string, cause: unknown): MezzoError =>
  new MezzoError('TLS_UNUSABLE', `cannot use ${what} for TLS: ${messageOf(cause)}`, {
    blame: 'operator',
    next: 'name a certificate and its key as PEM files that this user may read',
    cause,
  });

/** What clients may call a daemon that listens so. */
export function hostsOf(flags: {
  readonly ip: string;
  readonly advertise_ip: string | undefined;
  readonly hostname: string | undefined;
}): string[] {
  const listens = flags.ip === '0.0.0.0' || flags.ip === '::' ? publicAddress() : flags.ip;
  const named = [flags.advertise_ip, flags.hostname, listens, hostname(), 'localhost', '127.0.0.1', '::1'];
  return named.filter((host) => host !== undefined);
}
