import { formatDuration, limits, percentOf, progressText } from '@trunkline/contract'
import { type JobLogger, type LogLevel, logLevels } from './job-logger.ts'

/** One stored line. */
export interface LogLine {
  level: number
  stage: string | null
  message: string
  /** JSON text. */
  context: string | null
  /** `performance.now()` when it was written. */
  at: number
}

/** What a job has said and nobody has stored yet. */
export interface Feedback extends JobLogger {
  /** Lines since the last call; they are taken out. */
  takeLines(): LogLine[]
  /** The progress if it changed since the last call. */
  takeProgress(): FeedbackProgress | null
  /** Writes the summary if there is something to sum up and the handler has not done it. */
  finish(): void
}

/** Progress as stored. */
export interface FeedbackProgress {
  stage: string | null
  current: number
  total: number | null
  unit: string | null
  /** JSON text. */
  outcome: string | null
}

function fit(text: string, most: number): string {
  const clean = text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text
  const whole = clean.isWellFormed() ? clean : clean.toWellFormed()
  return whole.length > most ? `${whole.slice(0, most)}… (cut, ${whole.length} characters)` : whole
}

const badEscape = /\\u(0000|d[89ab][0-9a-f]{2}(?!\\ud[c-f])|d[c-f][0-9a-f]{2})/i

/** A log context never makes a handler fail: what cannot be stored is replaced by the reason. */
function contextText(context: object | undefined): string | null {
  if (context === undefined || context === null) return null
  let text: string
  try {
    text =
      JSON.stringify(context instanceof Error ? { name: context.name, message: context.message, stack: context.stack } : context) ?? 'null'
  } catch (error) {
    return JSON.stringify({ unserialisable: error instanceof Error ? error.message : 'thrown by its toJSON' })
  }
  if (text.length > limits.logLineBytes) return JSON.stringify({ cut: fit(text.slice(0, 4096), 4096), characters: text.length })
  return text.includes('\\u') && badEscape.test(text)
    ? JSON.stringify({ text: fit(text.replaceAll('\\u', '\\\\u'), limits.logLineBytes) })
    : text
}

function amount(value: unknown, fallback: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : fallback
}

/**
 * The feedback of one execution. Nothing is written here: `onChange` is told, and the writer takes what is new.
 * @param onChange called when there is something to take
 */
export function createFeedback(onChange: () => void): Feedback {
  const begun = performance.now()
  let lines: LogLine[] = []
  let stage: string | null = null
  let current = 0
  let total: number | null = null
  let unit: string | null = null
  let touched = false
  let summed = false
  let announced = true
  const outcome = new Map<string, number>()
  const stages: string[] = []

  function changed(): void {
    touched = true
    onChange()
  }

  function closeStage(): void {
    if (stage !== null || current > 0) stages.push(progressText({ stage, current, total }))
  }

  /** A stage stands in the log as well, with its progress as far as it is known when something follows. */
  function announce(): void {
    if (announced) return
    announced = true
    const percent = percentOf(current, total)
    lines.push({
      level: logLevels.indexOf('info'),
      stage,
      message: stage ?? '',
      context: percent === null ? null : JSON.stringify({ percent }),
      at: performance.now(),
    })
  }

  function write(level: LogLevel, message: string, context?: object): void {
    announce()
    lines.push({
      level: logLevels.indexOf(level),
      stage,
      message: fit(typeof message === 'string' ? message : String(message), limits.logLineBytes / 2),
      context: contextText(context),
      at: performance.now(),
    })
    onChange()
  }

  const feedback: Feedback = {
    setStage(name) {
      const text = fit(String(name), 200)
      if (text === stage) return
      announce()
      closeStage()
      stage = text
      current = 0
      total = null
      unit = null
      announced = false
      changed()
    },
    setTotal(n, ofUnit) {
      total = Math.max(0, amount(n, 0))
      if (ofUnit !== undefined) unit = fit(String(ofUnit), 40)
      changed()
    },
    incrementProgress(by = 1) {
      current += amount(by, 0)
      changed()
    },
    setProgress(to, ofTotal) {
      current = amount(to, current)
      if (ofTotal !== undefined) total = Math.max(0, amount(ofTotal, 0))
      changed()
    },
    addOutcome(name, by = 1) {
      const key = fit(String(name), 60)
      if (outcome.size < 100 || outcome.has(key)) outcome.set(key, (outcome.get(key) ?? 0) + amount(by, 0))
      changed()
    },
    debug: (message, context) => write('debug', message, context),
    info: (message, context) => write('info', message, context),
    warn: (message, context) => write('warn', message, context),
    error: (message, context) => write('error', message, context),
    logSummary() {
      if (summed) return
      summed = true
      const counts = [...outcome].map(([name, n]) => `${n.toLocaleString('en-US')} ${name}`)
      const done = [...stages, ...(stage !== null || current > 0 ? [progressText({ stage, current, total })] : [])]
      const parts = [done.slice(-20).join(', '), counts.join(', '), formatDuration(performance.now() - begun)]
      write('info', `Summary: ${parts.filter(Boolean).join('; ')}`, outcome.size > 0 ? { outcome: Object.fromEntries(outcome) } : undefined)
    },
    finish() {
      if (stage !== null || current > 0 || outcome.size > 0) feedback.logSummary()
    },
    takeLines() {
      announce()
      const taken = lines
      lines = []
      return taken
    },
    takeProgress() {
      if (!touched) return null
      touched = false
      return { stage, current, total, unit, outcome: outcome.size > 0 ? JSON.stringify(Object.fromEntries(outcome)) : null }
    },
  }
  return feedback
}
