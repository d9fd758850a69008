import type { Disposable, Logger } from '@mezzo/sdk/contract';
import { ClusterZone } from '../core/cluster.js';
import { rfc1123Label, rfc952Label } from '../core/labels.js';
import { Responder } from '../core/responder.js';
import { RCODE } from '../core/wire.js';
import { Zone } from '../core/zone.js';
import { parseHostPort, type DnsConfig, type DnsPlaces } from './config.js';
import { Feed } from './feed.js';
import { Forwarder } from './forwarder.js';
import { serveHttpApi } from './http-api.js';
import { listenerAddresses, parseResolver, systemResolvers, withoutSelf } from './resolvers.js';
import { serveTcp } from './tcp-server.js';
import { serveUdp, type DnsHandler } from './udp-server.js';

const SOA = { soaRefreshSeconds: 60, soaRetrySeconds: 600, soaExpireSeconds: 86_400 };
const TCP_MAX_PENDING = 64;

/** A DNS server and its HTTP API. Feed it events; it owns its sockets until disposed. */
export class DnsServer implements Disposable {
  readonly zone: Zone;
  readonly cluster: ClusterZone;
  readonly feed: Feed;
  /** Where it really listens: a configured port 0 is replaced by the one that was given. */
  places: DnsPlaces;
  private readonly responder: Responder;
  private readonly owned: Disposable[] = [];

  constructor(
    private readonly config: DnsConfig,
    places: DnsPlaces,
    log: Logger,
  ) {
    this.places = places;
    this.zone = new Zone(config.domain.toLowerCase());
    const { domain } = this.zone;
    const label = config.enforceRfc952 ? rfc952Label : rfc1123Label;
    this.cluster = new ClusterZone(this.zone, {
      domain,
      label,
      ipSources: config.ipSources,
      onlyHealthy: config.onlyHealthy,
    });
    const names = { soaMname: `ns1.${domain}`, soaRname: `root.ns1.${domain}` };
    const rules = { ...config, ...SOA, ...names, recursion: config.external };
    this.responder = new Responder(this.zone, rules, Buffer.allocUnsafe);
    this.feed = new Feed(this.cluster, this.responder, log);
    this.owned.push(this.feed);
  }

  async listen(version: string): Promise<void> {
    const handler = this.handler();
    try {
      await this.listenDns(handler);
      const { http } = this.places;
      const api = await serveHttpApi(http, this.apiSources(version));
      this.owned.push(api);
      this.places = { ...this.places, http: { ...http, port: api.port } };
    } catch (error) {
      await this.dispose();
      throw error;
    }
    this.cluster.nameServerIs(`ns1.${this.zone.domain}`, listenerAddresses(this.places.dns.ip));
    this.feed.changed();
  }

  /** The leading master, when known, and all others that are listed. */
  mastersAre(leader: string | undefined): void {
    this.cluster.mastersAre(
      leader === undefined ? undefined : parseHostPort(leader),
      this.config.masters.map(parseHostPort),
    );
    this.feed.changed();
  }

  /** Of a task of Marathon, which makes its health checks itself. */
  reportHealth(taskId: string, healthy: boolean): void {
    this.cluster.reportHealth('marathon', taskId, healthy);
    this.feed.changed();
  }

  async handOver(): Promise<void> {
    await Promise.all(this.owned.map(async (thing) => thing.handOver?.()));
  }

  async dispose(): Promise<void> {
    for (const thing of this.owned.splice(0).reverse()) await thing.dispose();
  }

  /** UDP and TCP share a number: when it is ours to choose, UDP's choice may be taken for TCP, so a few are tried. */
  private async listenDns(handler: DnsHandler): Promise<void> {
    const { dns } = this.places;
    const { tcpMaxConnections: maxConnections, tcpIdleTimeoutMs: idleTimeoutMs } = this.config;
    for (let triesLeft = dns.port === 0 ? 10 : 1; ; triesLeft--) {
      const udp = await serveUdp(dns, handler);
      try {
        const rules = { maxConnections, idleTimeoutMs, maxPending: TCP_MAX_PENDING };
        const place = { ...dns, port: udp.port };
        this.owned.push(await serveTcp(place, handler, rules), udp);
        this.places = { ...this.places, dns: place };
        return;
      } catch (error) {
        await udp.dispose();
        if (triesLeft <= 1) throw error;
      }
    }
  }

  private handler(): DnsHandler {
    const { config, responder } = this;
    const { dns: own } = this.places;
    const given = withoutSelf(config.resolvers.map(parseResolver), own);
    const resolvers = config.resolvers.length > 0 ? () => given : systemResolvers(own);
    const forwarder = new Forwarder(resolvers, {
      timeoutMs: config.forwardTimeoutMs,
      maxInFlight: config.forwardMaxInFlight,
    });
    return {
      respond: (query, streamed) => responder.respond(query, streamed),
      forward: async (query, streamed) => {
        const response = await forwarder.ask(query, streamed);
        if (response === 'none') return responder.failed(query, RCODE.REFUSED);
        return response ? responder.relayed(query, response, streamed) : responder.failed(query, RCODE.SERVFAIL);
      },
    };
  }

  private apiSources(version: string) {
    const { zone, cluster, config, responder } = this;
    const soa = { ttlSeconds: config.ttlSeconds, mname: `ns1.${zone.domain}.`, rname: `root.ns1.${zone.domain}.` };
    const { dns, http } = this.places;
    const shown = { ...config, listenIp: dns.ip, port: dns.port, httpPort: http.port };
    return {
      zone,
      cluster,
      version,
      config: shown,
      enumeration: config.enumeration,
      soa,
      serial: () => responder.serial,
    };
  }
}
