import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a handler, or the wire under it, wrote down outside the database. */
export interface Effect {
  /** S: the handler began, E: it ended, C: its completion was accepted, R: its lease was lost, X: the process ended by an error. */
  what: 'S' | 'E' | 'C' | 'R' | 'X'
  job: number
  lease: number
  attempt: number
  /** ms of the machine's monotonic clock, the same for all processes. */
  at: number
  process: string
  words: string
}

/** Reads one file of a process. A last line that a kill cut off is left out. */
export function parseEffects(text: string, process: string): Effect[] {
  const lines = text.split('\n')
  lines.pop()
  return lines.map((line) => {
    const [what, job, lease, attempt, at, ...words] = line.split(' ')
    return {
      what: what as Effect['what'],
      job: Number(job),
      lease: Number(lease),
      attempt: Number(attempt),
      at: Number(at),
      process,
      words: words.join(' '),
    }
  })
}

/** Reads the effect log of all processes. */
export function readEffects(folder: string): Effect[] {
  return readdirSync(folder).flatMap((file) => parseEffects(readFileSync(join(folder, file), 'utf8'), file))
}
