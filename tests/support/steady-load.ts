import { createSocket } from 'node:dgram';
import { Agent, request } from 'node:http';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { decode, encode, RECURSION_DESIRED, streamDecode, streamEncode } from 'dns-packet';

export interface LoadResult {
  readonly sent: number;
  /** Neither answered nor answered well, with what became of the first few. */
  readonly lost: number;
  readonly problems: readonly string[];
  /** Between two answers, at most. */
  readonly longestGapMs: number;
}

/** Asks something all the time until it is told to end. */
export interface SteadyLoad {
  end(): Promise<LoadResult>;
}

const PROBLEMS = 5;
const ANSWER_WITHIN_MS = 2_000;

class Tally {
  going = true;
  private sent = 0;
  private answered = 0;
  private lastMs = performance.now();
  private longestGapMs = 0;
  private readonly problems: string[] = [];

  asked(): void {
    this.sent++;
  }

  good(): void {
    const now = performance.now();
    this.longestGapMs = Math.max(this.longestGapMs, now - this.lastMs);
    this.lastMs = now;
    this.answered++;
  }

  bad(problem: string): void {
    if (this.problems.length < PROBLEMS) this.problems.push(problem);
  }

  get isOpen(): boolean {
    return this.answered < this.sent;
  }

  result(): LoadResult {
    const { sent, answered, problems, longestGapMs } = this;
    return { sent, lost: sent - answered, problems, longestGapMs };
  }
}

const query = (id: number, name: string): Buffer =>
  encode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [{ type: 'A', name }] });

const hasAnswer = (message: Buffer): boolean => (decode(message).answers?.length ?? 0) > 0;

/** One datagram a millisecond, none sent twice. */
export function udpQueries(port: number, name: string): SteadyLoad {
  const tally = new Tally();
  const socket = createSocket('udp4');
  socket.on('message', (message) => (hasAnswer(message) ? tally.good() : tally.bad('no answer in the response')));
  const run = (async () => {
    for (let id = 1; tally.going; id = (id % 65_535) + 1, await sleep(1)) {
      tally.asked();
      socket.send(query(id, name), port, '127.0.0.1');
    }
  })();
  return {
    async end() {
      tally.going = false;
      await run;
      for (const deadline = Date.now() + ANSWER_WITHIN_MS; tally.isOpen && Date.now() < deadline;) await sleep(10);
      socket.close();
      return tally.result();
    },
  };
}

/** One query after the other, each over a connection of its own. */
export function tcpQueries(port: number, name: string): SteadyLoad {
  return oneByOne(
    () =>
      new Promise((resolve, reject) => {
        const socket = new Socket().connect(port, '127.0.0.1');
        socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy(new Error('no answer in time')));
        socket.once('error', reject).once('close', () => reject(new Error('closed')));
        socket.write(streamEncode({ type: 'query', id: 1, questions: [{ type: 'A', name }] }));
        socket.once('data', (data) => {
          if ((streamDecode(data)?.answers?.length ?? 0) > 0) resolve();
          else reject(new Error('no answer in the response'));
          socket.destroy();
        });
      }),
  );
}

/** One request after the other on a connection that is kept for as long as the server keeps it. */
export function httpRequests(url: string, headers: Record<string, string>): SteadyLoad {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const load = oneByOne(
    () =>
      new Promise((resolve, reject) => {
        request(url, { agent, headers }, (response) => {
          response.resume();
          const bad = new Error(`status ${response.statusCode}`);
          response.on('end', () => (response.statusCode === 200 ? resolve() : reject(bad))).on('error', reject);
        })
          .once('error', reject)
          .end();
      }),
  );
  return {
    end: async () => {
      const result = await load.end();
      agent.destroy();
      return result;
    },
  };
}

function oneByOne(ask: () => Promise<void>): SteadyLoad {
  const tally = new Tally();
  const run = (async () => {
    while (tally.going) {
      tally.asked();
      await ask().then(
        () => tally.good(),
        (error: Error) => tally.bad(error.message),
      );
    }
  })();
  return {
    end: async () => {
      tally.going = false;
      await run;
      return tally.result();
    },
  };
}
