import { readdirSync, readFileSync } from 'node:fs'

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** The middle value of a list of numbers (of an even list the upper one of the middle). */
export const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]

/** The value below which the part `p` (0 to 1) of the list lies. */
export function percentile(list, p) {
  return list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * p))]
}

/** Processor time in µs that a process and its children, also those that have ended, have used. From /proc; 0 where there is none. */
export function processorTime(pid) {
  let ticks = 0
  try {
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue
      const fields = statOf(name)
      if (!fields) continue
      const own = Number(name) === pid
      // utime, stime; of the process itself also cutime, cstime: its children that have ended
      if (own || Number(fields[1]) === pid) ticks += Number(fields[11]) + Number(fields[12])
      if (own) ticks += Number(fields[13]) + Number(fields[14])
    }
  } catch {
    return 0
  }
  return ticks * 10_000
}

function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}

/**
 * Runs `work` and answers its time, the WAL it wrote, and the processor time of server and client, for each of `n` jobs.
 * @param admin a client of the database server, outside the databases that are measured
 * @param serverPid the process whose time counts as the server's
 */
export async function measured({ admin, serverPid, n }, work) {
  const wal = async () => BigInt((await admin.query(`select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text n`)).rows[0].n)
  await admin.query('checkpoint')
  const before = await wal()
  const server = processorTime(serverPid)
  const cpu = process.cpuUsage()
  const begun = performance.now()
  await work()
  const ms = performance.now() - begun
  const used = process.cpuUsage(cpu)
  return {
    perSecond: (n / ms) * 1000,
    usPerJob: (ms * 1000) / n,
    walPerJob: Number((await wal()) - before) / n,
    clientUsPerJob: (used.user + used.system) / n,
    serverUsPerJob: (processorTime(serverPid) - server) / n,
  }
}

/** A text as one masked frame of a WebSocket client (RFC 6455, section 5.2), up to 65,535 bytes; its mask is zero. */
export function frame(text) {
  const body = Buffer.from(text)
  const head = body.length < 126 ? Buffer.from([0x81, 0x80 | body.length]) : Buffer.from([0x81, 0xfe, body.length >> 8, body.length & 255])
  return Buffer.concat([head, Buffer.alloc(4), body])
}
