// The statements lie beside their verbs as .sql files, the style and script of the login page beside it; the build takes them along.
import { cpSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

function* files(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) yield* files(path)
    else yield path
  }
}

const root = fileURLToPath(new URL('..', import.meta.url))
for (const name of ['engine', 'tasks', 'pgagent', 'server']) {
  const source = join(root, 'packages', name, 'src')
  for (const file of files(source)) {
    const isPage = name === 'server' && /\/console\/login-(page\.css|comfort\.js)$/.test(file)
    if (file.endsWith('.sql') || isPage) cpSync(file, join(root, 'packages', name, 'dist', file.slice(source.length)))
  }
}
