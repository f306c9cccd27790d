import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TrunklineError } from '@trunkline/contract'
import { defineTask, FatalError, type JobLogger, type Task } from '@trunkline/engine'
import { z } from 'zod'
import type { TaskEnvironment } from './environment.ts'

const input = z.strictObject({
  command: z.string().min(1).max(100_000).describe('A program with args, or a line for /bin/sh without'),
  args: z.array(z.string()).max(1000).optional(),
  cwd: z.string().optional().describe('Default: a fresh folder, removed afterwards'),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
    .optional()
    .describe('Variables beside PATH, LANG, HOME, TMPDIR'),
  input: z.string().optional().describe('Standard input'),
  timeoutMs: z.number().int().min(1).max(86_400_000).optional(),
})

/** Kept of each stream; the middle of a longer one is left out. */
const mostKept = 500_000
const killAfterMs = 5000

/** Keeps the beginning and the end of a stream. */
function createTranscript() {
  let head = ''
  let tail = ''
  let cut = 0
  return {
    add(text: string) {
      const room = mostKept / 2 - head.length
      head += text.slice(0, Math.max(0, room))
      tail += text.slice(Math.max(0, room))
      if (tail.length > mostKept) {
        cut += tail.length - mostKept / 2
        tail = tail.slice(-mostKept / 2)
      }
    },
    text: () => (cut > 0 ? `${head}\n… ${cut} characters left out …\n${tail}` : head + tail),
    truncated: () => cut > 0,
  }
}

/** Whole lines into the log, as they come. */
function lineLogger(log: JobLogger, level: 'info' | 'warn') {
  let rest = ''
  return {
    add(text: string) {
      const lines = (rest + text).split('\n')
      rest = (lines.pop() ?? '').slice(-32_768)
      for (const line of lines) log[level](line)
    },
    end() {
      if (rest) log[level](rest)
    },
  }
}

/** Limits for everything the command starts, where the machine can set them. */
function limited(command: string, args: string[]): [string, string[]] {
  const prlimit = ['/usr/bin/prlimit', '/bin/prlimit'].find(existsSync)
  return prlimit ? [prlimit, ['--core=0', '--nofile=1024', '--nproc=4096', '--', command, ...args]] : [command, args]
}

/**
 * `shell_run`: a command of its own process group, in a clean environment, in a fresh folder; refused unless whoever started
 * the worker allowed it. An abort or timeout ends the whole group.
 */
export function shellRun({ shell }: TaskEnvironment): Task {
  return defineTask('shell_run', {
    description: 'Run a command',
    input,
    retry: { attempts: 1 },
    async run({ input, log, signal }) {
      refuseUnlessAllowed(shell)
      const folder = await mkdtemp(join(tmpdir(), 'trunkline-shell-'))
      await chmod(folder, 0o700)
      try {
        return await runCommand(input, folder, log, signal)
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    },
  })
}

function refuseUnlessAllowed(shell: TaskEnvironment['shell']): void {
  const refuse = (what: string, advice: string) => {
    const error = new TrunklineError('permission_denied', { what, advice })
    return new FatalError(`${error.message}. ${error.hint}`)
  }
  if (!shell?.allowed)
    throw refuse('shell_run', 'Allow it where the worker is started: shell.allowed: true (TRUNKLINE_SHELL__ALLOWED=true).')
  if (process.getuid?.() === 0 && !shell.allowRoot) {
    throw refuse(
      'shell_run as root',
      'Run the worker as another user, or allow it: shell.allowRoot: true (TRUNKLINE_SHELL__ALLOW_ROOT=true).',
    )
  }
}

function runCommand(options: z.output<typeof input>, folder: string, log: JobLogger, signal: AbortSignal): Promise<object> {
  const [command, args] = options.args
    ? limited(options.command, options.args)
    : limited('/bin/sh', ['-c', `umask 077; ${options.command}`])
  const limit = options.timeoutMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)])
  const out = createTranscript()
  const err = createTranscript()
  const outLines = lineLogger(log, 'info')
  const errLines = lineLogger(log, 'warn')
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', HOME: folder, TMPDIR: folder, ...options.env }
    const child = spawn(command, args, { detached: true, cwd: options.cwd ?? folder, env, stdio: ['pipe', 'pipe', 'pipe'] })
    const kill = (how: NodeJS.Signals) => {
      try {
        if (child.pid) process.kill(-child.pid, how)
      } catch {
        // the group is gone already
      }
    }
    let killer: NodeJS.Timeout | undefined
    const onAbort = () => {
      kill('SIGTERM')
      killer = setTimeout(() => kill('SIGKILL'), killAfterMs)
    }
    limit.addEventListener('abort', onAbort, { once: true })
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out.add(text)
      outLines.add(text)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err.add(text)
      errLines.add(text)
    })
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    child.once('error', (error) => {
      limit.removeEventListener('abort', onAbort)
      reject(new FatalError(`the command could not be started: ${error.message}`))
    })
    child.once('exit', (code, how) => {
      // what it left in the background would keep the pipes open for ever
      kill('SIGKILL')
      clearTimeout(killer)
      limit.removeEventListener('abort', onAbort)
      setTimeout(() => {
        child.stdout.destroy()
        child.stderr.destroy()
        outLines.end()
        errLines.end()
        if (signal.aborted) return reject(signal.reason)
        if (limit.aborted) return reject(new TrunklineError('timeout', { allowed: `${options.timeoutMs} ms` }))
        if (code === 0)
          return resolve({ exitCode: 0, stdout: out.text(), stderr: err.text(), truncated: out.truncated() || err.truncated() })
        const tail = (err.text() || out.text()).trim().slice(-2000)
        reject(new TrunklineError('command_failed', { received: `${how ?? `exit code ${code}`}${tail ? `: ${tail}` : ''}` }))
      }, 50)
    })
  })
}
