import { type ChildProcess, fork, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import { isAlive } from '../../packages/trunkline/src/embedded/postmaster.ts'
import { until } from './database.ts'

const bin = fileURLToPath(new URL('../../packages/trunkline/bin/trunkline.js', import.meta.url))

/** What a command printed and how it ended. */
export interface Ran {
  code: number | null
  out: string
  err: string
}

/** An installation of its own: a folder with its data directory, where commands are run as a user types them. */
export interface Installation {
  readonly folder: string
  readonly dataDir: string
  run(args: string[], options?: { env?: NodeJS.ProcessEnv; input?: string }): Promise<Ran>
  /** As `run`, in one process for all: a tenth of the time, but it does not show that a command ends by itself. */
  say(args: string[]): Promise<Ran>
  /** Starts a command that goes on; it is gone after the tests of the file. */
  start(args: string[]): ChildProcess
  /** Starts `trunkline up` and waits until it is ready. */
  up(): Promise<{ child: ChildProcess; output: () => string }>
  /** Numbers of all processes that belong to it, the database server's among them. */
  pids(): number[]
}

/** Makes an {@link Installation}; everything of it is gone after the tests of the file. */
export function installation(environment: NodeJS.ProcessEnv = {}): Installation {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline installation '))
  // open like a home that is shared: below a closed one the cluster would live elsewhere and outlive the test
  chmodSync(folder, 0o755)
  const dataDir = join(folder, '.trunkline')
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(TRUNKLINE|DATABASE|PG|VITEST|NODE_)/.test(name)))
  // a port of its own: several installations run at once
  const baseEnv = { ...clean, PORT: '0', ...environment }

  function start(args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return spawn(process.execPath, [bin, ...args], { cwd: folder, env: { ...baseEnv, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  }

  function commandHost(): (args: string[]) => Promise<Ran> {
    const child = fork(fileURLToPath(new URL('./command-host.mjs', import.meta.url)), {
      cwd: folder,
      env: baseEnv,
      execArgv: [],
      stdio: 'pipe',
    })
    started.push(child)
    const open = new Map<number, (ran: Ran) => void>()
    let last = 0
    let lost = ''
    child.stderr?.on('data', (text) => {
      lost += text
    })
    child.on('message', ({ no, code, out, err }: Ran & { no: number }) => {
      open.get(no)?.({ code, out, err })
      open.delete(no)
    })
    child.once('close', (code) => {
      for (const done of open.values()) done({ code, out: '', err: lost })
    })
    return (args) =>
      new Promise((done) => {
        open.set(++last, done)
        child.send({ no: last, args })
      })
  }

  function pids(): number[] {
    const own = readFileSafe(join(dataDir, 'up.lock'))
    const postmaster = Number(readFileSafe(join(dataDir, 'postgres', 'postmaster.pid')).split('\n')[0])
    const up = Number.parseInt(own, 10)
    const children = up > 0 ? readFileSafe(`/proc/${up}/task/${up}/children`).split(' ').map(Number) : []
    const grandchildren = children.flatMap((pid) => readFileSafe(`/proc/${pid}/task/${pid}/children`).split(' ').map(Number))
    return [...new Set([up, ...children, ...grandchildren, postmaster])].filter((pid) => pid > 0 && isAlive(pid))
  }

  const started: ChildProcess[] = []
  let host: ((args: string[]) => Promise<Ran>) | undefined
  afterAll(async () => {
    for (const child of started) child.kill('SIGKILL')
    for (const pid of pids()) process.kill(pid, 'SIGKILL')
    await until(() => pids().length === 0)
    rmSync(folder, { recursive: true, force: true })
  })

  return {
    folder,
    dataDir,
    pids,
    start(args) {
      const child = start(args)
      started.push(child)
      return child
    },
    say(args) {
      host ??= commandHost()
      return host(args)
    },
    async run(args, { env, input = '' } = {}) {
      const child = start(args, env)
      let out = ''
      let err = ''
      child.stdout?.on('data', (text) => {
        out += text
      })
      child.stderr?.on('data', (text) => {
        err += text
      })
      child.stdin?.end(input)
      const code = await new Promise<number | null>((done) => child.once('close', done))
      return { code, out, err }
    },
    async up() {
      const child = start(['up'])
      let text = ''
      child.stdout?.on('data', (part) => {
        text += part
      })
      child.stderr?.on('data', (part) => {
        text += part
      })
      await until(() => text.includes('Trunkline is ready') || child.exitCode !== null, 'Trunkline is ready', 60_000)
      if (!text.includes('Trunkline is ready')) throw new Error(text)
      return { child, output: () => text }
    },
  }
}

function readFileSafe(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
