import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One change of a text; `from` has to be there exactly once. */
export interface Edit {
  /** Below the root of the repository. */
  file: string
  from: string
  to: string
}

/** A copy of the sources from which processes of a chaos run can be started. */
export interface SourceCopy {
  readonly root: string
  remove(): void
}

const here = fileURLToPath(new URL('../..', import.meta.url))
const copied = ['packages/contract', 'packages/engine', 'test/chaos'] as const

/**
 * The texts that edits make of the sources, by file.
 * @throws when an edit does not fit: the source has changed, and the edit has to follow
 */
export function applyEdits(edits: readonly Edit[]): Map<string, string> {
  const texts = new Map<string, string>()
  for (const { file, from, to } of edits) {
    const text = texts.get(file) ?? readFileSync(join(here, file), 'utf8')
    const times = text.split(from).length - 1
    if (times !== 1) throw new Error(`the mutant does not fit any more: ${file} has "${from}" ${times} times`)
    texts.set(
      file,
      text.replace(from, () => to),
    )
  }
  return texts
}

/**
 * Copies the engine and the processes of a chaos run into a temporary folder and edits it there: what is broken on purpose never
 * is in the tree itself.
 * @throws when an edit does not fit: the source has changed, and the edit has to follow
 */
export function copySources(edits: readonly Edit[]): SourceCopy {
  const root = mkdtempSync(join(tmpdir(), 'trunkline-mutant-'))
  for (const folder of copied) {
    cpSync(join(here, folder), join(root, folder), {
      recursive: true,
      filter: (from) => !/^(dist|node_modules)$|\.test\.ts$/.test(relative(join(here, folder), from)),
    })
  }
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }\n')
  const modules = join(here, 'node_modules')
  mkdirSync(join(root, 'node_modules', '@trunkline'), { recursive: true })
  for (const name of readdirSync(modules))
    if (!name.startsWith('.') && name !== '@trunkline') symlinkSync(join(modules, name), join(root, 'node_modules', name))
  for (const name of ['contract', 'engine']) symlinkSync(join(root, 'packages', name), join(root, 'node_modules', '@trunkline', name))
  for (const [file, text] of applyEdits(edits)) writeFileSync(join(root, file), text)
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) }
}
