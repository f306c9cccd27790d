// Runs commands one after another in one process, for tests of what commands print: a process for each costs half a second.
import { main } from '../../packages/trunkline/dist/main.js'

const environment = { ...process.env }
let turn = Promise.resolve()

process.on('message', ({ no, args }) => {
  turn = turn.then(async () => {
    const printed = { out: '', err: '' }
    const into = (name) => (chunk, encoding, done) => {
      printed[name] += chunk
      const after = typeof encoding === 'function' ? encoding : done
      if (after) queueMicrotask(after)
      return true
    }
    process.exitCode = undefined
    process.env = { ...environment }
    process.stdout.write = into('out')
    process.stderr.write = into('err')
    try {
      await main([process.execPath, 'trunkline', ...args])
    } catch (error) {
      printed.err += `\n${error?.stack}`
      process.exitCode = 99
    }
    process.stdout.removeAllListeners('error')
    process.send({ no, code: process.exitCode ?? 0, ...printed })
    process.exitCode = undefined
  })
})
