import { measured, pause } from '../measure.mjs'

/** Enqueues `n` jobs in bulk and drains them; what earlier rounds have done stays as history. */
export async function drain(scene, n) {
  const bulk = await measured({ ...scene, n }, () => scene.contestant.bulk(n))
  return { bulk, drain: await drained(scene, n) }
}

/** Drains until no more than `left` are waiting, from a cold worker: its start counts. */
export async function drained(scene, n, left = 0) {
  let stop
  const figures = await measured({ ...scene, n }, async () => {
    stop = await scene.contestant.work()
    while (!(await scene.contestant.empty(left))) await pause(10)
  })
  await stop()
  return figures
}

/** The same beside a handler that writes 10,000 log lines a second. */
export async function drainBesideLogs(scene, n) {
  const quiet = await scene.contestant.talker()
  try {
    return await drain(scene, n)
  } finally {
    await quiet()
  }
}

/** The same while somebody holds a snapshot open, from before the jobs were made: no dead row can be cleared away. */
export async function drainPinned(scene, n) {
  const { client } = scene
  await client.query('begin isolation level repeatable read')
  await client.query('select 1')
  try {
    return await drain(scene, n)
  } finally {
    await client.query('rollback')
  }
}

/** The first `n` of a backlog of `backlog`. The rest stays. */
export async function drainOfBacklog(scene, n, backlog) {
  await scene.contestant.bulk(backlog)
  let done = 0
  scene.onJob = () => void done++
  let stop
  const figures = await measured({ ...scene, n }, async () => {
    stop = await scene.contestant.work()
    while (done < n) await pause(2)
  })
  // workers run on for the few ms in which we look: count what was done
  const factor = n / done
  await stop()
  return { ...figures, perSecond: figures.perSecond / factor, usPerJob: figures.usPerJob * factor }
}
