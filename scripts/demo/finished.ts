import { defineTask, type Trunkline } from '../../packages/engine/src/index.ts'

const batch = 10_000

/** Makes jobs that run at once and do nothing: a history of any length. */
export async function addFinished(trunkline: Trunkline, count: number): Promise<void> {
  const task = defineTask('shop.page_view', { queue: 'views', run: ({ input }: { input: { path: string } }) => ({ path: input.path }) })
  const worker = await trunkline.work([task], { name: 'views', concurrency: 200 })
  for (let made = 0; made < count; made += batch) {
    const payloads = Array.from({ length: Math.min(batch, count - made) }, (_, i) => ({ path: `/products/${made + i}` }))
    await trunkline.enqueueMany(task, payloads)
    console.log(`${Math.min(count, made + batch)} of ${count}`)
  }
  for (;;) {
    const queue = (await trunkline.queues()).find((one) => one.queue === 'views')
    if (!queue || queue.due + queue.running === 0) break
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  await worker.stop()
}
