import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { StepOutcome } from './sql-step.ts'

/** A script of a step, and its bounds. */
export interface BatchStep {
  jobId: number
  stepId: number
  code: string
  /** Default: that of the operating system's environment. */
  tempDirectory?: string | undefined
  /** The whole process group is killed then. Default: none. */
  timeoutMs?: number | undefined
  /** Somebody wants it to end; the whole process group is killed then. */
  signal?: AbortSignal | undefined
  /** Of each of the two outputs; the rest is read and dropped. */
  maxOutputBytes: number
}

/** What a script sees of our environment: no connection string, key or password of ours is among it. */
const passed = /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|TMP|TEMP|TEMPDIR)$/
const environment = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => passed.test(name)))

/** Collects at most `max` bytes, and reads on; says how much was left out. */
function collect(stream: Readable, max: number): () => string {
  const chunks: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    if (size < max) chunks.push(chunk.subarray(0, max - size))
    size += chunk.length
  })
  // a text of PostgreSQL holds neither broken UTF-8 nor NUL
  return () => {
    const text = Buffer.concat(chunks).toString('utf8').replaceAll('\0', '')
    return size > max ? `${text}\n… ${size - max} bytes more are left out …\n` : text
  }
}

/** So long what was killed is heard out. */
const lastWordsMs = 250

function killGroup(pid: number | undefined): void {
  try {
    if (pid) process.kill(-pid, 'SIGKILL')
  } catch {
    // it has ended
  }
}

/** As shell_run has them, for everything that a script starts. The number of processes has another letter in each shell. */
const limited = 'ulimit -c 0; ulimit -n 1024 2>/dev/null; ulimit -p 4096 2>/dev/null || ulimit -u 4096 2>/dev/null; exec sh -c "$1"'

async function runScript(script: string, step: BatchStep): Promise<StepOutcome> {
  const child = spawn('/bin/sh', ['-c', limited, 'sh', script], { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: environment() })
  const stdout = collect(child.stdout, step.maxOutputBytes)
  const stderr = collect(child.stderr, step.maxOutputBytes)
  let stopped = ''
  const end = (why: string) => {
    stopped ||= `${why}\n`
    killGroup(child.pid)
    // what left the group keeps the outputs open for ever
    setTimeout(() => {
      child.stdout.destroy()
      child.stderr.destroy()
    }, lastWordsMs)
  }
  const cancelled = () => end('the run was cancelled')
  const timer = step.timeoutMs === undefined ? undefined : setTimeout(end, step.timeoutMs, `stopped after ${step.timeoutMs} ms`)
  step.signal?.addEventListener('abort', cancelled)
  if (step.signal?.aborted) cancelled()
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => resolve(code ?? (signal ? 128 + constants.signals[signal] : -1)))
    })
    const errors = stderr() + stopped
    const output = errors ? `${stdout()}\nScript Error: \n${errors}\n` : stdout()
    return { ok: status === 0 && !stopped, result: status, output }
  } finally {
    clearTimeout(timer)
    step.signal?.removeEventListener('abort', cancelled)
  }
}

/**
 * Runs a script as pgAgent does: a file of its own in the temporary directory, started by `sh -c`, so that a shebang counts and
 * `sh` reads it otherwise; within limits of open files, processes and core files. The step lasts until both outputs are closed, or it is stopped. Never throws: what fails is in the outcome.
 */
export async function runBatchStep(step: BatchStep): Promise<StepOutcome> {
  let directory: string | undefined
  try {
    directory = await mkdtemp(join(step.tempDirectory ?? tmpdir(), `pga_${step.jobId}_${step.stepId}_`))
    const script = join(directory, `${step.jobId}_${step.stepId}.scr`)
    await writeFile(script, step.code.replaceAll('\r\n', '\n'), { mode: 0o700 })
    return await runScript(script, step)
  } catch (error) {
    return { ok: false, result: -1, output: `The script could not be started: ${(error as Error).message}` }
  } finally {
    if (directory) await rm(directory, { recursive: true, force: true }).catch(() => {})
  }
}
