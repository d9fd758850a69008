import { decode, encode, type DecodedPacket, type Packet, type Question as Asked } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Responder, type ResponderRules } from './responder.js';
import { Zone, type DnsRecord } from './zone.js';

const RULES: ResponderRules = {
  ttlSeconds: 5,
  srvWeight: 1,
  recursion: false,
  udpMaxBytes: 4096,
  soaMname: 'ns1.mesos',
  soaRname: 'root.ns1.mesos',
  soaRefreshSeconds: 60,
  soaRetrySeconds: 600,
  soaExpireSeconds: 86_400,
};

const A = (name: string, ...ips: string[]): DnsRecord[] => ips.map((value) => ({ name, type: 'A', value }));
const SRV = (name: string, ...targets: string[]): DnsRecord[] => targets.map((value) => ({ name, type: 'SRV', value }));
const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}`);

function responder(records: DnsRecord[], rules: Partial<ResponderRules> = {}): { zone: Zone; server: Responder } {
  const zone = new Zone('mesos');
  zone.replace('test', records);
  const server = new Responder(zone, { ...RULES, ...rules });
  server.ready = true;
  server.serial = 1234;
  return { zone, server };
}

type Response = DecodedPacket & { rcode: string };

function ask(server: Responder, name: string, type: string, more: Partial<Packet> = {}, streamed = false): Response {
  const question = { name, type, class: 'IN' } as Asked;
  const query = encode({ type: 'query', id: 4711, flags: 0x100, questions: [question], ...more });
  const reply = server.respond(query, streamed);
  if (!(reply instanceof Uint8Array)) throw new Error(`no response but ${reply}`);
  const packet = decode(Buffer.from(reply));
  expect(packet.id).toBe(4711);
  expect(packet.type).toBe('response');
  return packet as Response;
}

const withEdns = (bytes: number): Partial<Packet> => ({
  additionals: [{ type: 'OPT', name: '.', udpPayloadSize: bytes, flags: 0, options: [] } as never],
});
const data = (packet: Response): unknown[] =>
  (packet.answers ?? []).map((answer) => (answer as { data: unknown }).data);

describe('answers', () => {
  const { server } = responder([
    ...A('web.marathon.mesos', '10.0.0.1', '10.0.0.2'),
    { name: 'web.marathon.mesos', type: 'AAAA', value: 'fd00::1' },
    ...SRV('_web._tcp.marathon.mesos', 'web.marathon.mesos:31000', 'web.marathon.mesos:31001'),
  ]);

  test('a name has its addresses, authoritative and with the TTL', () => {
    const packet = ask(server, 'web.marathon.mesos', 'A');
    expect(packet).toMatchObject({ rcode: 'NOERROR', flag_aa: true, flag_ra: false, flag_rd: true });
    expect(data(packet).sort()).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(packet.answers?.map((answer) => (answer as { ttl: number }).ttl)).toEqual([5, 5]);
    expect(data(ask(server, 'web.marathon.mesos', 'AAAA'))).toEqual(['fd00::1']);
  });

  test('the case of the question comes back in question and answer', () => {
    const packet = ask(server, 'wEB.Marathon.MESOS', 'A');
    expect(packet.questions?.[0]?.name).toBe('wEB.Marathon.MESOS');
    expect(packet.answers?.map((answer) => answer.name)).toEqual(['wEB.Marathon.MESOS', 'wEB.Marathon.MESOS']);
  });

  test('clients that take the first answer are shared out over all', () => {
    const first = Array.from({ length: 6 }, () => data(ask(server, 'web.marathon.mesos', 'A'))[0]);
    expect(first.filter((ip) => ip === '10.0.0.1')).toHaveLength(3);
  });

  test('a service names port, weight and target, and brings all addresses of the target', () => {
    const packet = ask(server, '_web._tcp.marathon.mesos', 'SRV');
    expect(data(packet)).toContainEqual({ priority: 0, weight: 1, port: 31000, target: 'web.marathon.mesos' });
    expect(packet.answers).toHaveLength(2);
    expect(packet.additionals?.map((record) => [record.name, record.type])).toEqual([
      ['web.marathon.mesos', 'A'],
      ['web.marathon.mesos', 'A'],
      ['web.marathon.mesos', 'AAAA'],
    ]);
  });

  test('ANY brings records of every type', () => {
    expect(
      ask(server, 'web.marathon.mesos', 'ANY')
        .answers?.map((answer) => answer.type)
        .sort(),
    ).toEqual(['A', 'A', 'AAAA']);
  });

  test('the apex has its SOA and its name server', () => {
    expect(data(ask(server, 'mesos', 'SOA'))).toEqual([
      {
        mname: 'ns1.mesos',
        rname: 'root.ns1.mesos',
        serial: 1234,
        refresh: 60,
        retry: 600,
        expire: 86_400,
        minimum: 5,
      },
    ]);
    expect(data(ask(server, 'mesos', 'NS'))).toEqual(['ns1.mesos']);
  });

  test('a star label is overlooked', () => {
    expect(data(ask(server, 'web.*.marathon.mesos', 'AAAA'))).toEqual(['fd00::1']);
    const packet = ask(server, '_web._tcp.*.marathon.mesos', 'SRV');
    expect(packet.answers?.map((answer) => answer.name)[0]).toBe('_web._tcp.*.marathon.mesos');
    expect(data(packet)).toContainEqual({ priority: 0, weight: 1, port: 31001, target: 'web.marathon.mesos' });
    expect(ask(server, 'nope.*.mesos', 'A')).toMatchObject({ rcode: 'NXDOMAIN' });
  });
});

describe('what is not there', () => {
  const { server } = responder(A('web.marathon.mesos', '10.0.0.1'));

  test.each([
    ['web.marathon.mesos', 'SRV', 'NOERROR'],
    ['web.marathon.mesos', 'TXT', 'NOERROR'],
    ['marathon.mesos', 'A', 'NOERROR'],
    ['mesos', 'A', 'NOERROR'],
    ['nope.marathon.mesos', 'A', 'NXDOMAIN'],
    ['nope.mesos', 'SRV', 'NXDOMAIN'],
    ['nope.mesos', 'SOA', 'NXDOMAIN'],
  ])('%s %s is %s with the SOA of the zone in authority', (name, type, rcode) => {
    const packet = ask(server, name, type);
    expect(packet).toMatchObject({ rcode, flag_aa: true, answers: [] });
    expect(packet.authorities?.map((record) => [record.name, record.type])).toEqual([['mesos', 'SOA']]);
  });

  test('other names are refused, or given back to be forwarded', () => {
    expect(ask(server, 'example.org', 'A')).toMatchObject({ rcode: 'REFUSED', flag_ra: false, flag_aa: false });
    expect(ask(server, 'notmesos', 'A')).toMatchObject({ rcode: 'REFUSED' });
    const open = responder([], { recursion: true }).server;
    const query = encode({ type: 'query', id: 1, questions: [{ name: 'example.org', type: 'A' }] });
    expect(open.respond(query, false)).toBe('forward');
    expect(ask(open, 'x.mesos', 'A')).toMatchObject({ rcode: 'NXDOMAIN', flag_ra: true });
  });

  test('nothing is denied before anything is known', () => {
    const fresh = new Responder(new Zone('mesos'), RULES);
    expect(ask(fresh, 'web.mesos', 'A')).toMatchObject({ rcode: 'SERVFAIL' });
  });

  test('zone transfers, other classes and other operations are refused', () => {
    expect(ask(server, 'mesos', 'AXFR')).toMatchObject({ rcode: 'REFUSED' });
    const chaos = encode({ type: 'query', id: 4, questions: [{ name: 'web.marathon.mesos', type: 'A', class: 'CH' }] });
    expect(decode(Buffer.from(server.respond(chaos, false) as Uint8Array))).toMatchObject({ rcode: 'REFUSED' });
    const update = encode({
      type: 'query',
      id: 4,
      flags: 5 << 11,
      questions: [{ name: 'web.marathon.mesos', type: 'A' }],
    });
    expect(decode(Buffer.from(server.respond(update, false) as Uint8Array))).toMatchObject({ rcode: 'NOTIMP' });
  });
});

describe('sizes', () => {
  const { server } = responder([
    ...A('big.mesos', ...many(80)),
    ...A('huge.mesos', ...many(5000)),
    ...A('pair.mesos', ...many(30)),
    ...SRV('_pair._tcp.mesos', 'pair.mesos:1'),
  ]);

  test('without EDNS no response over UDP is longer than 512 bytes, and says when it is cut', () => {
    const packet = ask(server, 'big.mesos', 'A');
    expect(packet.flag_tc).toBe(true);
    expect(packet.answers).toHaveLength(30);
  });

  test('EDNS raises the limit up to our own, and is answered', () => {
    const packet = ask(server, 'big.mesos', 'A', withEdns(1400));
    expect(packet).toMatchObject({ flag_tc: false, additionals: [{ type: 'OPT', udpPayloadSize: 4096 }] });
    expect(packet.answers).toHaveLength(80);
    expect(ask(server, 'huge.mesos', 'A', withEdns(65_000)).answers?.length).toBeLessThan(256);
  });

  test('extra addresses go first, without a word', () => {
    const packet = ask(server, '_pair._tcp.mesos', 'SRV');
    expect(packet).toMatchObject({ flag_tc: false, additionals: [] });
    expect(packet.answers).toHaveLength(1);
    expect(ask(server, '_pair._tcp.mesos', 'SRV', {}, true).additionals).toHaveLength(30);
  });

  test('over TCP 64 KiB is the limit', () => {
    expect(ask(server, 'big.mesos', 'A', {}, true)).toMatchObject({ flag_tc: false });
    const huge = ask(server, 'huge.mesos', 'A', {}, true);
    expect(huge.flag_tc).toBe(true);
    expect(huge.answers?.length).toBeGreaterThan(4000);
  });

  test('an EDNS version that nobody knows is named as such', () => {
    const more = {
      additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, ednsVersion: 1, options: [] } as never],
    };
    const packet = ask(server, 'big.mesos', 'A', more);
    expect(packet.additionals?.[0]).toMatchObject({ extendedRcode: 1 });
    expect(packet.answers).toEqual([]);
  });
});

describe('hostile packets', () => {
  const { server } = responder(A('web.marathon.mesos', '10.0.0.1'));
  const query = encode({
    type: 'query',
    id: 7,
    questions: [{ name: 'web.marathon.mesos', type: 'A' }],
    ...withEdns(1232),
  });
  const survives = (bytes: Uint8Array): void => {
    const reply = server.respond(bytes, false);
    if (reply instanceof Uint8Array) expect([...reply.subarray(0, 2)]).toEqual([...bytes.subarray(0, 2)]);
  };

  test('any bytes are answered or dropped', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), survives), { numRuns: 2000 });
  });

  test('a query with any bytes changed or cut is answered or dropped', () => {
    const changes = fc.array(fc.tuple(fc.nat(query.length - 1), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(changes, fc.integer({ min: 0, max: query.length }), (edits, length) => {
        const bytes = Uint8Array.from(query);
        for (const [at, value] of edits) bytes[at] = value;
        survives(bytes.subarray(0, length));
      }),
      { numRuns: 5000 },
    );
  });

  test('a dot inside a label is no border of labels', () => {
    const tricky = Uint8Array.from(query);
    const at = 12 + 1 + 'web'.length;
    // The first label swallows the border behind it: `web.marathon` as one label.
    tricky[12] = 'web.marathon'.length;
    tricky[at] = 46;
    expect((server.respond(tricky, false) as Uint8Array)[3]! & 15).toBe(3);
  });

  test('responses are never answered', () => {
    const response = Uint8Array.from(query);
    response[2]! |= 0x80;
    expect(server.respond(response, false)).toBe('drop');
  });

  test('a question that points elsewhere is malformed', () => {
    const pointer = Uint8Array.from([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 0x0c, 0, 1, 0, 1]);
    expect((server.respond(pointer, false) as Uint8Array)[3]! & 15).toBe(1);
  });
});

describe('change', () => {
  test('an answer changes with the records, and with the addresses of its targets', () => {
    const { zone, server } = responder([]);
    zone.replace('task/1', [...A('a.mesos', '10.0.0.1'), ...SRV('_a._tcp.mesos', 'a.mesos:1')]);
    expect(data(ask(server, 'a.mesos', 'A'))).toEqual(['10.0.0.1']);
    expect(ask(server, '_a._tcp.mesos', 'SRV').additionals).toHaveLength(1);
    zone.replace('task/1', [...A('a.mesos', '10.0.0.2', '10.0.0.3'), ...SRV('_a._tcp.mesos', 'a.mesos:1')]);
    expect(data(ask(server, 'a.mesos', 'A')).sort()).toEqual(['10.0.0.2', '10.0.0.3']);
    expect(ask(server, '_a._tcp.mesos', 'SRV').additionals).toHaveLength(2);
    zone.replace('task/1', []);
    expect(ask(server, 'a.mesos', 'A')).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(zone.size).toBe(1);
  });

  test('a zone holds what its owners hold, after any replacements', () => {
    const names = fc.constantFrom('a.mesos', 'b.a.mesos', 'c.b.a.mesos', 'd.mesos', 'x.y.z.mesos');
    const record = fc.record({
      name: names,
      type: fc.constant('A' as const),
      value: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    });
    const step = fc.tuple(fc.constantFrom('o1', 'o2', 'o3'), fc.array(record, { maxLength: 4 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const { zone, server } = responder([]);
        const owners = new Map<string, DnsRecord[]>();
        for (const [owner, records] of steps) {
          zone.replace(owner, records);
          owners.set(owner, records);
          const wanted = [...owners.values()].flat();
          for (const name of ['a.mesos', 'b.a.mesos', 'c.b.a.mesos', 'd.mesos', 'x.y.z.mesos', 'z.mesos']) {
            const ips = [...new Set(wanted.filter((entry) => entry.name === name).map((entry) => entry.value))].sort();
            const exists = wanted.some((entry) => entry.name === name || entry.name.endsWith(`.${name}`));
            const packet = ask(server, name, 'A');
            expect(data(packet).sort()).toEqual(ips);
            expect(packet.rcode).toBe(exists ? 'NOERROR' : 'NXDOMAIN');
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
