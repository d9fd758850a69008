import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { create } from 'tar';

const BUSYBOX = '/usr/bin/busybox';

/** The file system of a container that needs no download: busybox, statically linked, under all its names. As an archive. */
export async function busyboxRootfs(): Promise<Buffer> {
  const dir = mkdtempSync(join(tmpdir(), 'mezzo-rootfs-'));
  try {
    for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'mnt', 'root']) mkdirSync(join(dir, name));
    chmodSync(join(dir, 'tmp'), 0o1777);
    copyFileSync(BUSYBOX, join(dir, 'bin/busybox'));
    const { stdout } = await promisify(execFile)(BUSYBOX, ['--list']);
    for (const name of stdout.trim().split('\n'))
      if (name !== 'busybox') symlinkSync('busybox', join(dir, 'bin', name));
    writeFileSync(join(dir, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n');
    writeFileSync(join(dir, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
    const chunks: Buffer[] = [];
    for await (const chunk of create({ cwd: dir, portable: true }, ['.'])) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
