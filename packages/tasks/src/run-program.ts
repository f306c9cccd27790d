import { spawn } from 'node:child_process'

/** What a program that was run has left. */
export interface ProgramEnd {
  code: number | null
  signal: string | null
  /** The last 4 kB of its standard error. */
  stderr: string
}

/** Options of {@link runProgram}. */
export interface ProgramOptions {
  command: string
  args: string[]
  /** The whole environment of the program: nothing of ours gets in. */
  env: Record<string, string>
  signal: AbortSignal
  /** Default: thrown away. */
  onStdout?: (chunk: Buffer) => void
}

/** How long a program may take to end after SIGTERM. */
const killAfterMs = 5000

/** Runs a program in a process group of its own; an abort ends the whole group (SIGTERM, after 5 s SIGKILL). */
export function runProgram({ command, args, env, signal, onStdout }: ProgramOptions): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', ...env },
    })
    let stderr = ''
    let timer: NodeJS.Timeout | undefined
    const kill = (how: NodeJS.Signals) => {
      try {
        if (child.pid) process.kill(-child.pid, how)
      } catch {
        // the group is gone already
      }
    }
    const onAbort = () => {
      kill('SIGTERM')
      timer = setTimeout(() => kill('SIGKILL'), killAfterMs)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    child.stdout.on('data', (chunk: Buffer) => onStdout?.(chunk))
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-4096)
    })
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    child.once('error', (error) => {
      done()
      reject(error)
    })
    child.once('close', (code, how) => {
      done()
      if (signal.aborted) reject(signal.reason)
      else resolve({ code, signal: how, stderr: stderr.trim() })
    })
  })
}
