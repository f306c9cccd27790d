import { stripVTControlCharacters } from 'node:util'
import { formatDuration, isTrunklineError, progressText } from '@trunkline/contract'
import type { JobView, LogEntry } from '@trunkline/engine'

/** Text that came from jobs, fit for a terminal: no escape sequences, control characters or direction marks, one line. */
export function plain(value: unknown): string {
  const text = stripVTControlCharacters(String(value ?? ''))
  let clean = ''
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    const bad = code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)
    clean += bad ? ' ' : character
  }
  return clean
}

/** Data for programs. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2))
}

/** Rows under their headings, columns aligned. */
export function printTable(headings: string[], rows: unknown[][], empty: string): void {
  if (rows.length === 0) return console.log(empty)
  const cells = rows.map((row) => row.map((cell) => plain(cell ?? '–')))
  const widths = headings.map((heading, i) => Math.min(48, Math.max(heading.length, ...cells.map((row) => row[i]?.length ?? 0))))
  const line = (row: string[]) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.slice(0, widths[i]).padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd()
  console.log(line(headings))
  for (const row of cells) console.log(line(row))
}

/** `12 s ago`. */
export function ago(time: Date | null): string {
  return time ? `${formatDuration(Math.max(0, Date.now() - time.getTime()))} ago` : '–'
}

/** State with its reason: `pending (retrying)`. */
export function stateText(job: JobView): string {
  return job.reason && job.reason !== job.state ? `${job.state} (${job.reason})` : job.state
}

/** A line of a job's log. */
export function logText(line: LogEntry): string {
  const context = line.context === null || line.context === undefined ? '' : ` ${JSON.stringify(line.context)}`
  return plain(`${line.at.toISOString()}  #${line.attempt} ${line.level.padEnd(5)}  ${line.message}${context}`)
}

/** Progress of a job as one line. */
export function progressLine(job: JobView): string {
  if (!job.progress) return stateText(job)
  const text = progressText(job.progress)
  return plain(job.progress.percent === null ? text : `${String(job.progress.percent).padStart(3)} %  ${text}`)
}

/** Bytes for people. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** Sentence, hint and code on the standard error stream. */
export function printProblem(sentence: string, hint: string, code: string): void {
  console.error(`error: ${plain(sentence)}\n  ${plain(hint)} [${code}]`)
}

/** An error on the standard error stream: sentence, hint, code. With `json` as an object. */
export function printError(error: unknown, json: boolean): void {
  if (isTrunklineError(error)) {
    if (json) console.error(JSON.stringify({ error: { code: error.code, message: error.message, hint: error.hint, field: error.field } }))
    else printProblem(error.message, error.hint, error.code)
    return
  }
  const message = error instanceof Error ? error.message : String(error)
  if (json) console.error(JSON.stringify({ error: { code: 'internal', message } }))
  else console.error(`error: ${plain(message)} [internal]`)
}
