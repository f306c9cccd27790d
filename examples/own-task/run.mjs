import { Trunkline } from 'trunkline'
import { resize } from './resize.mjs'

const trunkline = await Trunkline.connect({ connectionString: process.env.DATABASE_URL, migrate: true })
const worker = await trunkline.work([resize], { concurrency: 5 })

const job = await trunkline.enqueue(resize, { url: 'https://example.com/cat.png', width: 200 }, { priority: 5 })
console.log('result', await job.result())

const flaky = await trunkline.enqueue(resize, { url: 'https://example.com/flaky.png', width: 100 })
console.log('after a retry', await flaky.result(), 'attempt', (await flaky.get()).attempt)

const long = await trunkline.enqueue(resize, { url: 'https://example.com/poster.png', width: 1_000_000 })
let seen = await long.get()
while (!seen.progress?.percent && seen.progress?.current !== 500) {
  await new Promise((resolve) => setTimeout(resolve, 50))
  seen = await long.get()
  if ((seen.progress?.current ?? 0) >= 500) break
}
console.log('progress', seen.progress.stage, seen.progress.current >= 500)
const asked = Date.now()
await trunkline.cancel(long.id, { by: 'example' })
await long.result().catch((error) => console.log(error.code, 'within a second:', Date.now() - asked < 1000))

await worker.stop()
await trunkline.close()
