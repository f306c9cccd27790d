import { readFileSync } from 'node:fs'

/** One job that the producer asked for, and the last it heard of it. */
export interface Call {
  key: string
  task: string
  /** `info`: in doubt, it may be there or not. */
  outcome: 'ok' | 'fail' | 'info'
  id: number | null
  /** The answer was somebody else's job of the same unique key. */
  existing: boolean
}

interface Line {
  asked?: string[]
  task?: string
  ok?: string[]
  ids?: string[]
  existing?: boolean
  fail?: string[]
  inDoubt?: string[]
}

/** Reads a client history: a line per question and per answer. What was never answered stays in doubt. */
export function parseHistory(text: string): Call[] {
  const calls = new Map<string, Call>()
  for (const row of text.split('\n').slice(0, -1)) {
    const line = JSON.parse(row) as Line
    for (const key of line.asked ?? []) calls.set(key, { key, task: line.task ?? '', outcome: 'info', id: null, existing: false })
    for (const [i, key] of (line.ok ?? []).entries()) {
      const call = calls.get(key)
      if (call) Object.assign(call, { outcome: 'ok', id: Number(line.ids?.[i]), existing: line.existing === true })
    }
    for (const key of line.fail ?? []) {
      const call = calls.get(key)
      if (call) call.outcome = 'fail'
    }
  }
  return [...calls.values()]
}

/** Reads the history that a producer has written. */
export function readHistory(file: string): Call[] {
  return parseHistory(readFileSync(file, 'utf8'))
}
