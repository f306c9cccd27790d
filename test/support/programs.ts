import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Starts a TypeScript program of ours from its source, in a process of its own with no more environment than `env`. */
export function startProgram(program: URL, env: Record<string, string>, stdio: StdioOptions): ChildProcess {
  return spawn(process.execPath, ['--conditions=trunkline-source', '--import', import.meta.resolve('tsx'), fileURLToPath(program)], {
    env: { PATH: process.env.PATH, ...env },
    stdio,
  })
}

/** Starts a program that works on a database and writes its first line when it is ready; resolves then. */
export async function startReadyProgram(program: URL, databaseUrl: string): Promise<ChildProcess> {
  const child = startProgram(program, { DATABASE_URL: databaseUrl }, ['ignore', 'pipe', 'inherit'])
  await new Promise((done) => child.stdout?.once('data', done))
  return child
}

/** Processes that are killed at random moments, and the folder in which they write down what they have done: a file for each process. */
export interface Victims {
  readonly folder: string
  /** Those that live. */
  readonly children: ReadonlySet<ChildProcess>
  start(): ChildProcess
  /** Kills what is left and removes the folder. */
  clear(): void
}

/** @param program it reads `DATABASE_URL`, and `EFFECTS`, the folder */
export function createVictims(program: URL, databaseUrl: string): Victims {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-effects-'))
  const children = new Set<ChildProcess>()
  return {
    folder,
    children,
    start() {
      const env = { DATABASE_URL: databaseUrl, EFFECTS: folder }
      const child = startProgram(program, env, ['ignore', 'ignore', 'inherit'])
      children.add(child)
      child.once('exit', () => children.delete(child))
      return child
    },
    clear() {
      for (const child of children) child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Numbers from 0 to 1 that a seed decides; the seed is `TRUNKLINE_TEST_SEED`, else drawn. Tests print it, so that a failure can be repeated. */
export function seededRandom(): { seed: number; random(): number } {
  const seed = Number(process.env.TRUNKLINE_TEST_SEED ?? Date.now() % 1_000_000)
  let state = seed
  return {
    seed,
    random() {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
      return state / 2_147_483_648
    },
  }
}
