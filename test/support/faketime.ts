import { existsSync } from 'node:fs'

/**
 * Where Debian's faketime keeps the library that shows a program another time when it is named in `LD_PRELOAD`; undefined where it is not
 * installed. Timers and `performance.now()` of the program stay right with `FAKETIME_DONT_FAKE_MONOTONIC=1`, as where a clock was set.
 */
export function findFaketime(): string | undefined {
  return ['x86_64-linux-gnu', 'aarch64-linux-gnu']
    .map((arch) => `/usr/lib/${arch}/faketime/libfaketime.so.1`)
    .find((file) => existsSync(file))
}
