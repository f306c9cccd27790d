import { pause, percentile } from '../measure.mjs'

/**
 * `n` schedules that fire once a minute, each in a second of its own: how late their slots become jobs, how long a look takes that
 * finds nothing due, and how many schedules fire in a second. Then as many that fire once a day: the calendar of their month.
 */
export async function schedules(scene, n, seconds) {
  await scene.contestant.schedules(n)
  const looks = []
  for (let i = 0; i < 50; i++) {
    const begun = performance.now()
    await scene.client.query('select id from trunkline.schedule where due_at <= now() order by due_at limit 500')
    await scene.client.query('select due_at from trunkline.schedule where due_at is not null order by due_at limit 1')
    looks.push(performance.now() - begun)
    await pause(20)
  }
  const stop = await scene.contestant.work()
  // what became due while nobody looked is caught up first
  await pause(5000)
  const { rows: begun } = await scene.client.query('select now() at')
  await pause(seconds * 1000)
  const { rows } = await scene.client.query(
    `select (extract(epoch from fired_at - slot_at) * 1000)::float8 late from trunkline.slot where slot_at >= $1 and slot_at < now() - interval '2 s'`,
    [begun[0].at],
  )
  await stop()
  const late = rows.map((row) => row.late)
  await scene.client.query(
    `update trunkline.schedule s set rhythm = jsonb_build_object('cronExpression', (n % 60) || ' ' || (n % 24) || ' * * *',
       'timezone', (array['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'])[1 + n % 4])
     from (select id, row_number() over () n from trunkline.schedule) z where z.id = s.id`,
  )
  const months = []
  for (let i = 0; i < 20; i++) {
    const begun = performance.now()
    await scene.contestant.month()
    months.push(performance.now() - begun)
  }
  const month = percentile(months, 0.95)
  return {
    month,
    tick: percentile(looks, 0.99),
    p50: percentile(late, 0.5),
    p99: percentile(late, 0.99),
    perSecond: late.length / (seconds - 2),
  }
}
