// Started by embedded.test.ts as a process of its own: starts the server of the folder it is given, says so, and waits.
import { startEmbedded } from './embedded.ts'

const [dataDir = '', binaries = ''] = process.argv.slice(2)
const { pid, port, joined } = await startEmbedded({ dataDir, ...(binaries ? { binaries } : {}) })
console.log(JSON.stringify({ pid, port, joined }))
setInterval(() => {}, 60_000)
