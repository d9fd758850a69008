/**
 * How old the sandbox of an ended run may get. The fuller the disk, the less: nothing is kept once the free part is down
 * to `headroom`.
 */
export function maxSandboxAgeMs(gcDelayMs: number, headroom: number, diskUsed: number): number {
  return gcDelayMs * Math.max(0, 1 - headroom - diskUsed);
}
